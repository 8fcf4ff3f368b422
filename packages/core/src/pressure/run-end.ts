import { growthOf } from './forecast.ts'
import { keysOf, type Looks } from './looks.ts'
import type { Restart } from './trend.ts'
import type { Vitals } from './vitals.ts'

/** The run that has ended, as it was last seen. */
export interface EndedRun {
  readonly last: Vitals
  readonly looks: Looks
  /** When its connections broke, where somebody saw it. */
  readonly lostAt: number | undefined
}

// A server that was killed is back within seconds; what was not seen for longer may have met anything.
const freshSeconds = 120
const lossShare = 0.1
// Growth over what was seen of the run, and towards its end, that makes a ramp of it.
const rampShare = 0.01
const rampTail = 0.001
const quarterHour = 15 * 60_000

/** What became of a run when another one answers in its place. */
export function judgeEnd(ended: EndedRun, next: Vitals): Restart {
  const { last } = ended
  const before = keysOf(last)
  const after = keysOf(next)
  const dataLost = before !== undefined && after !== undefined && before > 0 && after < before * lossShare
  const cause = isOtherServer(last, next, dataLost)
    ? 'failover'
    : dataLost && isFresh(next) && wasRamping(ended)
      ? 'oom-kill'
      : 'restart'
  return { at: next.at, cause, dataLost, used: atDeath(ended, next, 'used'), rss: atDeath(ended, next, 'rss') }
}

/**
 * A restart in place changes the replication id too, where nothing is loaded from disk, so that says little by itself.
 * Who was up already while the old run was still seen is another server.
 */
export function isOtherServer(last: Vitals, next: Vitals, dataLost: boolean): boolean {
  const { uptimeSeconds } = next
  if (uptimeSeconds !== undefined && next.at - uptimeSeconds * 1_000 < last.at - 2_000) return true
  if (dataLost) return false
  if (last.role !== undefined && next.role !== undefined && last.role !== next.role) return true
  const { replicationId: before } = last.replication
  const { replicationId: after } = next.replication
  return uptimeSeconds === undefined && before !== undefined && after !== undefined && before !== after
}

function isFresh({ uptimeSeconds }: Vitals): boolean {
  return uptimeSeconds === undefined || uptimeSeconds < freshSeconds
}

/** Memory grew until the end, and nothing was evicted for it. */
function wasRamping({ last, looks }: EndedRun): boolean {
  const seen = looks.within(quarterHour)
  const [first] = seen
  const latest = seen.at(-1)
  const { used, startup } = last.memory
  if (first === undefined || latest === undefined || used === undefined) return false
  if (first.totals.evictedKeys !== latest.totals.evictedKeys) return false
  if (seen.length < 3) {
    return startup !== undefined && used > 2 * startup && (last.uptimeSeconds ?? freshSeconds) < freshSeconds
  }
  const rise = riseOver(seen)
  const tail = looks.within(2 * 60_000)
  return rise > rampShare * used && riseOver(tail.length < 3 ? seen : tail) > rampTail * used
}

/** By the lower bound of the slope, in bytes over all of the looks. */
function riseOver(looks: Looks['all']): number {
  const samples = looks.flatMap(({ at, used }) => (used === undefined ? [] : [{ at, used, buffers: 0 }]))
  const line = growthOf(samples)
  const seconds = ((samples.at(-1)?.at ?? 0) - (samples[0]?.at ?? 0)) / 1_000
  return line === undefined ? 0 : (line.slope - 2 * line.slopeError) * seconds
}

/** The last that was seen, and as much more as it grew by until the end. */
function atDeath({ last, looks, lostAt }: EndedRun, next: Vitals, of: 'used' | 'rss'): number | undefined {
  const value = last.memory[of]
  if (value === undefined) return undefined
  const recent = looks.within(30_000)
  const seen = recent.length < 2 ? looks.all.slice(-2) : recent
  const [first] = seen
  const from = first?.[of]
  const before = looks.all.at(-2)
  if (first === undefined || from === undefined || before === undefined || last.at <= first.at) return value
  const slope = Math.max(0, value - from) / (last.at - first.at)
  const started = next.at - (next.uptimeSeconds ?? 0) * 1_000
  // Between death and start there may be minutes of waiting (a crash loop), but the next look would have found it dead.
  const longest = last.at + 1.25 * (last.at - before.at)
  const end = lostAt !== undefined && lostAt >= last.at ? Math.min(lostAt, started) : Math.min(started, longest)
  return Math.round(value + slope * Math.max(0, end - last.at))
}
