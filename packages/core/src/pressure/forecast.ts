import { lineThrough } from './least-squares.ts'

/** When memory meets the line, as far as can be told. */
export interface Forecast {
  /** Infinity where no end is in sight; undefined where nothing can be said yet, or keys would be evicted first. */
  readonly secondsToFull: number | undefined
  /** Where keys can be evicted: when that begins. Infinity where it is not in sight. */
  readonly secondsToEviction: number | undefined
  readonly bytesPerSecond: number | undefined
}

/** One look, as the forecast takes it. */
export interface Sample {
  /** Milliseconds of the clock. */
  readonly at: number
  /** `used_memory`, in bytes. */
  readonly used: number
  /** What of it are buffers of clients and replicas, which come and go: not part of the growth. */
  readonly buffers: number
}

const slowWindow = 15 * 60_000
const fewest = 12
// Growth that sets in after a calm time would drown in the slow window; these many of the newest looks show it.
const quickWindows = [fewest, 30, 60]
// What was seen for a time foretells no more than so many times of it.
const reach = 10
const leastFill = 0.5
const leastRise = 0.01
const farthest = 7 * 24 * 3_600
// A plateau of evictions lies this close below the limit.
const evicting = 0.002

/**
 * Ordinary least squares over fifteen minutes; the lower bound of the slope (two standard errors) decides, so that noise
 * is no growth. `samples` are of one run, oldest first, evenly spaced or not, best of half an hour (see `History`);
 * `limit` is the line in force, in bytes of `used_memory`. Buffers count for how much room is left, not for the growth.
 *
 * Plain least squares takes each rise of a sawtooth (keys that expire together) for the way to the limit, unless its
 * window holds several teeth. So a rise back to what has been held before, and was left again, is no growth: it counts
 * from where it passes the highest of the last half hour.
 */
export function forecast(samples: readonly Sample[], limit: number | undefined, canEvict: boolean): Forecast {
  const latest = samples.at(-1)
  const pace = latest === undefined ? undefined : paceOf(samples, latest, limit)
  const seconds = latest === undefined || limit === undefined ? undefined : secondsUntil(limit, latest, pace, canEvict)
  return {
    secondsToFull: canEvict ? undefined : seconds,
    secondsToEviction: canEvict ? seconds : undefined,
    bytesPerSecond: pace?.bytesPerSecond,
  }
}

/** How fast it grows: what was seen, and what is certain enough to foretell from. */
interface Pace {
  readonly bytesPerSecond: number
  readonly certain: number
}

function secondsUntil(limit: number, latest: Sample, pace: Pace | undefined, canEvict: boolean): number | undefined {
  const room = limit - latest.used
  if (room <= (canEvict ? limit * evicting : 0)) return 0
  if (pace === undefined) return undefined
  if (latest.used < limit * leastFill || pace.certain <= 0) return Number.POSITIVE_INFINITY
  const seconds = room / pace.certain
  return seconds > farthest ? Number.POSITIVE_INFINITY : seconds
}

function paceOf(samples: readonly Sample[], latest: Sample, limit: number | undefined): Pace | undefined {
  const recent = samples.filter(({ at }) => at >= latest.at - slowWindow)
  const slow = recent.length < fewest ? undefined : growthOf(recent)
  if (slow === undefined) return undefined
  const isRefill = held(latest) <= knownGround(samples, limit ?? 0)
  const certain = isRefill ? 0 : certainPace(recent, samples, latest, limit)
  // What sets in after a calm time is told as fast as it is: the rate must fit the time that is told with it.
  return { bytesPerSecond: Math.max(slow.slope, certain), certain }
}

function certainPace(
  samples: readonly Sample[],
  all: readonly Sample[],
  latest: Sample,
  limit: number | undefined,
): number {
  const slow = growthOf(samples)
  const long = growthOf(all)
  if (slow === undefined || long === undefined) return 0
  // Slow growth in noise is known far better from twice the time, where that says the same.
  const agrees = Math.abs(long.slope - slow.slope) <= 2 * slow.slopeError
  let certain = agrees ? long.slope - 2 * long.slopeError : slow.slope - 2 * slow.slopeError
  // A step (a bulk load) leaves a slope behind that is long over.
  const newest = growthOf(samples.slice(-Math.max(fewest, Math.ceil(samples.length / 3))))
  if (newest !== undefined && newest.slope + 2 * newest.slopeError < slow.slope / 2) certain = 0
  if (limit === undefined) return certain
  for (const count of quickWindows) {
    if (samples.length < count) break
    const window = samples.slice(-count)
    const quick = growthOf(window)
    const seconds = (latest.at - (window[0] ?? latest).at) / 1_000
    if (quick === undefined) continue
    const lower = quick.slope - 3 * quick.slopeError
    const faster = lower > slow.slope + 2 * slow.slopeError
    if (faster && lower * seconds >= leastRise * limit && limit - latest.used <= lower * seconds * reach) {
      certain = Math.max(certain, lower)
    }
  }
  return certain
}

/** Up to where a rise is a refill: the highest that was held and left again, with a margin. -Infinity where none was. */
function knownGround(samples: readonly Sample[], limit: number): number {
  const fall = Math.max(0.02 * limit, 6 * noiseOf(samples))
  let highest = Number.NEGATIVE_INFINITY
  let depth = 0
  let lowestSince = Number.POSITIVE_INFINITY
  for (let i = samples.length - 1; i >= 0; i--) {
    const sample = samples[i]
    if (sample === undefined) continue
    const bytes = held(sample)
    if (bytes - lowestSince >= fall && bytes > highest) {
      highest = bytes
      depth = bytes - lowestSince
    }
    lowestSince = Math.min(lowestSince, bytes)
  }
  // Teeth are uneven: expiry lags behind where much expires at once.
  return highest + Math.max(fall, Math.min(depth / 2, 0.1 * limit))
}

/** Of one look, from how much neighbours differ: the median does not see the falls. */
function noiseOf(samples: readonly Sample[]): number {
  const differences: number[] = []
  for (let i = 2; i < samples.length; i++) {
    const [a, b, c] = [samples[i - 2], samples[i - 1], samples[i]]
    if (a && b && c) differences.push(Math.abs(held(c) - 2 * held(b) + held(a)))
  }
  differences.sort((a, b) => a - b)
  // A second difference of independent noise has six times its variance.
  return ((differences[differences.length >> 1] ?? 0) * 1.48) / Math.sqrt(6)
}

/** Growth in bytes a second. */
export function growthOf(samples: readonly Sample[]) {
  return lineThrough(samples, ({ at }) => at / 1_000, held)
}

function held({ used, buffers }: Sample): number {
  return used - buffers
}
