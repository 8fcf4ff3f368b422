import { expect, test } from 'vitest'
import { InvalidArgumentError } from '../errors.ts'
import { assertUser } from './handle.ts'

test.each([
  '',
  'a'.repeat(257),
  '\ud800',
  // What PostgreSQL cannot store must not count as a failure of PostgreSQL.
  'ada\0',
  undefined,
  1,
])('%j is no user', (user) => {
  expect(() => assertUser(user)).toThrow(InvalidArgumentError)
})

test('any other text is one', () => {
  for (const user of ['ada', 'ada@example.org', 'Ādā 🙂', 'a'.repeat(256)]) expect(() => assertUser(user)).not.toThrow()
})
