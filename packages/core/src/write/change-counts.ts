import { LeaseUnavailableError, UpdateConflictError, UpdateTimeoutError } from '../errors.ts'

/** Calls of `update`, by how they ended. */
export interface UpdateCounts {
  done: number
  /** The source had changed each time, for as long as the call was willing to wait. */
  conflicts: number
  /** Others kept updating the key for so long. */
  timeouts: number
  /** Redis gave no lease. */
  leaseUnavailable: number
  /** Whatever else `load`, the change itself or `save` threw. */
  errors: number
}

/** Calls that dropped many values at once. */
export interface DropCounts {
  tags: number
  clears: number
}

export const createUpdateCounts = (): UpdateCounts => ({
  done: 0,
  conflicts: 0,
  timeouts: 0,
  leaseUnavailable: 0,
  errors: 0,
})

export async function countUpdate<T>(counts: UpdateCounts, updating: Promise<T>): Promise<T> {
  try {
    const value = await updating
    counts.done += 1
    return value
  } catch (error) {
    if (error instanceof UpdateConflictError) counts.conflicts += 1
    else if (error instanceof UpdateTimeoutError) counts.timeouts += 1
    else if (error instanceof LeaseUnavailableError) counts.leaseUnavailable += 1
    else counts.errors += 1
    throw error
  }
}
