import { setTimeout as pause } from 'node:timers/promises'
import { allKeys, type Keys, picker } from './keys.ts'
import { percentile } from './statistics.ts'

export interface OpenLoopSettings {
  readonly rate: number
  readonly durationMs: number
  readonly keys: Keys
  readonly seed: number
  /** Give back every latency too, for a scenario that merges those of several processes. */
  readonly keepLatencies?: boolean
}

export interface OpenLoopReport {
  readonly scheduled: number
  /** Given a value within `answerWithinMs`. */
  readonly answered: number
  readonly errors: number
  /** How often each kind of error was seen. */
  readonly kinds: Readonly<Record<string, number>>
  /** Of all requests, from the moment each was due; one that was not answered counts as `answerWithinMs`. */
  readonly p50: number
  readonly p99: number
  readonly max: number
  /** How late the driver itself issued requests: what the machine, or a blocked event loop, adds to the above. */
  readonly lagP99: number
  readonly latencies?: readonly number[]
}

export const answerWithinMs = 3000

/**
 * Issues requests at a fixed rate, whatever becomes of the earlier ones, and counts each one's time from the moment that it
 * was due. So a stall delays every request that falls into it, as it would delay callers from outside.
 */
export async function openLoop(
  get: (key: string) => Promise<unknown>,
  { rate, durationMs, keys, seed, keepLatencies }: OpenLoopSettings,
): Promise<OpenLoopReport> {
  const scheduled = Math.round((rate * durationMs) / 1000)
  const interval = 1000 / rate
  const latencies = new Float64Array(scheduled).fill(answerWithinMs)
  const lags = new Float64Array(scheduled)
  const kinds = new Map<string, number>()
  const nextKey = picker(allKeys(keys), seed)
  let answered = 0
  let errors = 0
  let settled = 0
  let closed = false

  async function issue(index: number, due: number): Promise<void> {
    lags[index] = performance.now() - due
    try {
      const value = await get(nextKey())
      if (closed) return
      if (value === undefined || value === null) throw new Error('no value')
      const latency = performance.now() - due
      if (latency > answerWithinMs) return
      latencies[index] = latency
      answered++
    } catch (error) {
      if (closed) return
      errors++
      const kind = kindOf(error)
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
    } finally {
      settled++
    }
  }

  const start = performance.now()
  await new Promise<void>((resolve) => {
    let issued = 0
    function issueWhatIsDue(): void {
      const now = performance.now()
      for (; issued < scheduled && start + issued * interval <= now; issued++)
        void issue(issued, start + issued * interval)
      if (issued === scheduled) resolve()
      else setTimeout(issueWhatIsDue, start + issued * interval - now)
    }
    issueWhatIsDue()
  })
  const deadline = performance.now() + answerWithinMs
  while (settled < scheduled && performance.now() < deadline) await pause(20)
  closed = true

  return {
    scheduled,
    answered,
    errors,
    kinds: Object.fromEntries(kinds),
    p50: percentile(latencies, 0.5) ?? 0,
    p99: percentile(latencies, 0.99) ?? 0,
    max: percentile(latencies, 1) ?? 0,
    lagP99: percentile(lags, 0.99) ?? 0,
    ...(keepLatencies ? { latencies: Array.from(latencies) } : {}),
  }
}

function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return 'not an Error'
  const code = (error as { code?: unknown }).code
  if (typeof code === 'string') return code
  const firstWord = /^[A-Z]{3,}(?= )/.exec(error.message)?.[0]
  return firstWord ?? `${error.name}: ${error.message}`.slice(0, 80)
}
