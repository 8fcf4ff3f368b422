import { expect, test } from 'vitest'
import { NodeNames } from './node-names.ts'

test('names stay with their nodes, whoever comes and goes', () => {
  const names = new NodeNames()
  expect(names.of(['b', 'd', 'f'])).toEqual(['1', '2', '3'])
  expect(names.of(['a', 'b', 'd', 'f'])).toEqual(['4', '1', '2', '3'])
  expect(names.of(['a', 'b', 'f'])).toEqual(['4', '1', '3'])
})

test('who takes the place of another takes its name', () => {
  const names = new NodeNames()
  names.of(['b', 'd', 'f'])
  expect(names.of(['a', 'b', 'f'])).toEqual(['2', '1', '3'])
  expect(names.of(['a', 'b', 'c', 'f'])).toEqual(['2', '1', '4', '3'])
})
