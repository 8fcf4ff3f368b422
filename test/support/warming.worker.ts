import { type CacheOptions, createCache, type WarmOptions, type WarmProgress } from '../../packages/core/src/index.ts'
import { answerRequests } from './fleet-worker.ts'
import { WarmingSource } from './warming-source.ts'

export interface WarmingSettings {
  readonly cache: CacheOptions
  readonly source: string
  /** What a call of the source takes, in milliseconds. */
  readonly loadTime: number
  readonly keys: number
  readonly warm: Pick<WarmOptions, 'concurrency' | 'batch' | 'wait'>
}

export type WarmingRequest = 'warm' | 'progress' | 'peak'

export interface WarmingReply {
  readonly last: WarmProgress | undefined
  /** The most calls of the source that this process ever made at once. */
  readonly peak: number
  readonly milliseconds: number
  /** Progress that went backwards, or whose parts do not make its whole. */
  readonly senseless: number
}

const settings = JSON.parse(process.argv[2] ?? '') as WarmingSettings
const source = new WarmingSource(settings.source, settings.loadTime)
const cache = createCache(settings.cache)
const products = cache.namespace<string>({ name: 'product', ttl: '1h', loadMany: source.readMany })
const stop = new AbortController()
let last: WarmProgress | undefined
let senseless = 0

// As docs/reading.md says: what has begun ends, the leases are given back, and a shell is told that it was Ctrl-C.
process.once('SIGINT', () => stop.abort())

function onProgress(progress: WarmProgress): void {
  const { done, found, loaded, failed, total, perSecond } = progress
  const isSum = done === found + loaded + failed && done <= (total ?? 0)
  if (!isSum || done < (last?.done ?? 0) || !(perSecond >= 0)) senseless += 1
  last = progress
}

async function warm(): Promise<WarmingReply> {
  const keys = Array.from({ length: settings.keys }, (_, index) => `product-${index}`)
  const started = performance.now()
  try {
    last = await products.warm(keys, { ...settings.warm, signal: stop.signal, onProgress })
  } catch (error) {
    if (!stop.signal.aborted) throw error
    await cache.close()
    source.close()
    process.exit(130)
  }
  return told(started)
}

const told = (started: number): WarmingReply => {
  return { last, peak: source.peak, milliseconds: performance.now() - started, senseless }
}

answerRequests<WarmingRequest, WarmingReply>(
  (request) => (request === 'warm' ? warm() : told(performance.now())),
  async () => {
    await cache.close()
    source.close()
  },
)
