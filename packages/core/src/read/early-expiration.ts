import type { Random } from '../clock.ts'
import type { Times } from '../entry/envelope.ts'
import { earliestRefresh } from '../entry/times.ts'

/**
 * XFetch (Vattani, Chierichetti, Lowenstein: Optimal Probabilistic Cache Stampede Prevention, PVLDB 2015): refresh
 * when now − δ·β·ln U ≥ expiry. The busier the key and the slower its load, the earlier somebody draws it.
 */
export function isTimeToRefresh(now: number, times: Times, beta: number, random: Random): boolean {
  if (now < earliestRefresh(times)) return false
  // 1 − U, for U may be 0 and its logarithm is not.
  return now - times.loadTime * beta * Math.log(1 - random()) >= times.freshUntil
}
