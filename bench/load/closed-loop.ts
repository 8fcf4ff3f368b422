import { allKeys, type Keys, picker } from './keys.ts'

export interface ClosedLoopSettings {
  readonly inFlight: number
  readonly durationMs: number
  readonly keys: Keys
  /** Keys a call, by getMany; absent: get. */
  readonly batch?: number
}

export interface ClosedLoopReport {
  readonly perSecond: number
  /** Microseconds of this process's processor time a call: unlike the rate, it hardly suffers from a busy machine. */
  readonly processorTime: number
}

/** Asks again as soon as it is answered, so many at once: for rates, never for latencies under load. */
export async function closedLoop(
  cache: { get(key: string): Promise<unknown>; getMany?(keys: string[]): Promise<unknown> },
  { inFlight, durationMs, keys, batch }: ClosedLoopSettings,
): Promise<ClosedLoopReport> {
  const names = allKeys(keys)
  const used = process.cpuUsage()
  const start = performance.now()
  const end = start + durationMs
  let answered = 0

  async function single(lane: number): Promise<void> {
    const nextKey = picker(names, lane)
    while (performance.now() < end) {
      await cache.get(nextKey())
      answered++
    }
  }

  async function batches(lane: number, size: number): Promise<void> {
    const nextKey = picker(names, lane)
    while (performance.now() < end) {
      await cache.getMany?.(Array.from({ length: size }, nextKey))
      answered++
    }
  }

  await Promise.all(
    Array.from({ length: inFlight }, (_, lane) => (batch === undefined ? single(lane) : batches(lane, batch))),
  )
  return rates(answered, start, used)
}

function rates(answered: number, start: number, used: NodeJS.CpuUsage): ClosedLoopReport {
  const { user, system } = process.cpuUsage(used)
  return { perSecond: (answered / (performance.now() - start)) * 1000, processorTime: (user + system) / answered }
}

/** As above with nothing but the awaited call in the loop: looking at the clock would cost as much as a local hit. */
export async function tightLoop(
  cache: { get(key: string): Promise<unknown> },
  { durationMs, keys }: Pick<ClosedLoopSettings, 'durationMs' | 'keys'>,
): Promise<ClosedLoopReport> {
  const names = allKeys(keys)
  const used = process.cpuUsage()
  const start = performance.now()
  let answered = 0
  while (performance.now() - start < durationMs) {
    for (const name of names) await cache.get(name)
    answered += names.length
  }
  return rates(answered, start, used)
}

/** Awaits gets of keys that were never asked for before, one after the other. */
export async function newKeysLoop(
  cache: { get(key: string): Promise<unknown> },
  { from, count }: { from: number; count: number },
): Promise<{ perSecond: number; peakBytes: number }> {
  const start = performance.now()
  let peakBytes = 0
  for (let index = from; index < from + count; index++) {
    await cache.get(`new-${index}`)
    if (index % 50_000 === 0) peakBytes = Math.max(peakBytes, process.memoryUsage.rss())
  }
  return { perSecond: (count / (performance.now() - start)) * 1000, peakBytes }
}

/** Asks for every key once, a few at a time; resolves with the number of errors. */
export async function warm(get: (key: string) => Promise<unknown>, keys: Keys): Promise<number> {
  const names = allKeys(keys)
  let errors = 0
  const lane = async (): Promise<void> => {
    for (let name = names.pop(); name !== undefined; name = names.pop()) {
      await get(name).catch(() => errors++)
    }
  }
  await Promise.all(Array.from({ length: 16 }, lane))
  return errors
}
