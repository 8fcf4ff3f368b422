/** What decides how soon a node is looked at again; undefined where it is not known. */
export interface Urgency {
  readonly fill: number | undefined
  readonly secondsToFull: number | undefined
  readonly growthPerSecond: number | undefined
  /** Bytes in use. */
  readonly used: number | undefined
  /** Writes are refused now. */
  readonly refused: boolean
  /** Past the line Redis is killed. */
  readonly killsLine: boolean
}

const shortest = 1_000
const short = 2_000
// A limit that nobody declared is learned from what was last seen before a death: from near enough to be of use.
const mostGrowth = 0.03

/** Milliseconds until the next look, between 1,000 and `base`; jitter is for the caller to add. */
export function nextLook(urgency: Urgency, base = 10_000): number {
  return Math.max(shortest, Math.min(base, byAlarm(urgency, base), byGrowth(urgency)))
}

function byAlarm({ fill = 0, secondsToFull = Number.POSITIVE_INFINITY, refused, killsLine }: Urgency, base: number) {
  if (refused || fill >= 0.9 || secondsToFull < 2 * 60) return shortest
  // A kill leaves nothing to react to: be there early.
  if (fill >= 0.8 || secondsToFull < (killsLine ? 15 : 10) * 60) return short
  return base
}

function byGrowth({ growthPerSecond = 0, used = 0 }: Urgency): number {
  return growthPerSecond > 0 && used > 0 ? (mostGrowth * used * 1_000) / growthPerSecond : Number.POSITIVE_INFINITY
}
