import type { Confidence, LearnedLine } from './memory-line.ts'
import type { Restart } from './trend.ts'

const mebi = 1_048_576
const gibi = 1_024 * mebi
const smallest = mebi
const largest = 1_024 * gibi
const mostDeaths = 1_000
// From 10 % below to 10 % above one size.
const spread = 1.1 / 0.9

/**
 * The line that deaths agree on: at least two, killed within 10 % of the same resident size. It is the smallest of
 * these sizes and never rounded up: a limit guessed too high kills again. Undefined where they agree on none.
 */
export function learnLine(restarts: readonly Restart[]): LearnedLine | undefined {
  const deaths = restarts
    .flatMap(({ cause, rss, at }) => (cause === 'oom-kill' && inRange(rss) ? [{ at, rss: Math.floor(rss) }] : []))
    .sort((a, b) => a.rss - b.rss)
  let best: readonly { at: number; rss: number }[] = []
  for (const { rss: from } of deaths) {
    const agreeing = deaths.filter(({ rss }) => rss >= from && rss <= from * spread)
    const newest = Math.max(...agreeing.map(({ at }) => at))
    // Redis has since lived beyond that size, so somebody has raised the limit.
    if (deaths.some(({ at, rss }) => at > newest && rss > from * spread)) continue
    if (agreeing.length > best.length) best = agreeing
  }
  const [lowest] = best
  return lowest === undefined || best.length < 2 ? undefined : learned(lowest.rss, best.length)
}

/**
 * Two accounts of one line. Processes of a fleet see the same deaths, so these are not added up. Where they do not
 * agree the one with more deaths is believed, and the lower one between equals.
 */
export function mergeLines(a: LearnedLine | undefined, b: LearnedLine): LearnedLine
export function mergeLines(a: LearnedLine | undefined, b: LearnedLine | undefined): LearnedLine | undefined
export function mergeLines(a: LearnedLine | undefined, b: LearnedLine | undefined): LearnedLine | undefined {
  if (a === undefined || b === undefined) return a ?? b
  const [low, high] = a.bytes <= b.bytes ? [a, b] : [b, a]
  if (high.bytes <= low.bytes * spread) return learned(low.bytes, Math.max(a.deaths, b.deaths))
  return high.deaths > low.deaths ? high : low
}

/** For a small key and a message of the channel. */
export function encodeLine({ bytes, deaths }: LearnedLine): string {
  return JSON.stringify({ bytes, deaths })
}

/** Undefined for anything that {@link encodeLine} has not made, or that cannot be true. Never throws. */
export function parseLine(text: string): LearnedLine | undefined {
  if (text.length > 200) return undefined
  let told: unknown
  try {
    told = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof told !== 'object' || told === null || !('bytes' in told) || !('deaths' in told)) return undefined
  const { bytes, deaths } = told
  if (!inRange(bytes) || !Number.isInteger(bytes)) return undefined
  if (typeof deaths !== 'number' || !Number.isInteger(deaths) || deaths < 2 || deaths > mostDeaths) return undefined
  return learned(bytes, deaths)
}

const usualSizes = [
  ...[32, 64, 96, 128, 192, 256, 384, 512, 768].map((size) => [size * mebi, `${size}Mi`] as const),
  ...[1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512].map(
    (size) => [size * gibi, `${size}Gi`] as const,
  ),
]

/**
 * The container size that people would have written, such as `64Mi`: for print only, never to decide by. Undefined where
 * none is near: what was seen of a death lies a little below the limit, with growth added a little above.
 */
export function usualSize(bytes: number): string | undefined {
  const [size, name] = usualSizes.find(([size]) => size >= bytes * 0.95) ?? []
  return size !== undefined && bytes >= size * 0.8 ? name : undefined
}

function learned(bytes: number, deaths: number): LearnedLine {
  return { bytes, deaths: Math.min(deaths, mostDeaths), confidence: confidenceOf(deaths) }
}

function confidenceOf(deaths: number): Confidence {
  if (deaths >= 4) return 'high'
  return deaths === 3 ? 'medium' : 'low'
}

function inRange(bytes: unknown): bytes is number {
  return typeof bytes === 'number' && bytes >= smallest && bytes <= largest
}
