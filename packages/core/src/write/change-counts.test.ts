import { expect, test } from 'vitest'
import { LeaseUnavailableError, UpdateConflictError, UpdateTimeoutError } from '../errors.ts'
import { countUpdate, createUpdateCounts } from './change-counts.ts'

test('each update is counted once, by how it ended, and ends as it would have', async () => {
  const counts = createUpdateCounts()
  expect(await countUpdate(counts, Promise.resolve('value'))).toBe('value')
  const errors = [
    new UpdateConflictError(),
    new UpdateTimeoutError('cart', 100),
    new LeaseUnavailableError('cart'),
    new Error('the database is down'),
  ]
  for (const error of errors) await expect(countUpdate(counts, Promise.reject(error))).rejects.toBe(error)
  expect(counts).toEqual({ done: 1, conflicts: 1, timeouts: 1, leaseUnavailable: 1, errors: 1 })
})
