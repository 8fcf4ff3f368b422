import { expect, test } from 'vitest'
import { HistogramCounter } from './histogram.ts'

test('what is as large as a bound is counted below it, what is larger than all of them apart', () => {
  const histogram = new HistogramCounter([1, 10])
  histogram.observe(1)
  histogram.observe(1.5, 4)
  histogram.observe(10)
  histogram.observe(11)
  expect(histogram.snapshot()).toEqual({ bounds: [1, 10], counts: [1, 5, 1], sum: 28 })
})

test('a snapshot is of its moment', () => {
  const histogram = new HistogramCounter([1])
  const before = histogram.snapshot()
  histogram.observe(1)
  expect(before).toEqual({ bounds: [1], counts: [0, 0], sum: 0 })
})
