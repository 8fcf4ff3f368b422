/**
 * The only way in for time. Policies take a `Clock`, so that expiry, leases and write gates are tested by stepping
 * one instead of waiting.
 */
export interface Clock {
  /** Milliseconds since the epoch: stored entries carry these, so that processes can compare them. */
  now(): number
  /** Runs `callback` once after `milliseconds`; the handle is only good for `clearTimeout`. */
  setTimeout(callback: () => void, milliseconds: number): unknown
  clearTimeout(handle: unknown): void
}

/** Uniform in [0, 1), like `Math.random`. */
export type Random = () => number

export const systemClock: Clock = {
  now: Date.now,
  setTimeout: (callback, milliseconds) => setTimeout(callback, milliseconds),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
}

export function sleep(clock: Clock, milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimeout(resolve, milliseconds)
  })
}
