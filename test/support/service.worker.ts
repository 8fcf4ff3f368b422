import { setTimeout as pause } from 'node:timers/promises'
import {
  type Cache,
  type CacheHealth,
  type CacheOptions,
  createCache,
  type Namespace,
  type NamespaceOptions,
} from '../../packages/core/src/index.ts'
import { answerRequests } from './fleet-worker.ts'
import { OwnSource, SharedSource } from './shared-source.ts'
import { type Measurement, Traffic } from './traffic.ts'

export interface ServiceOptions {
  /** Without it the requests of the traffic go straight to the source. */
  readonly cache?: CacheOptions
  readonly namespace?: Omit<NamespaceOptions<string>, 'name' | 'load' | 'save'>
  /** What a load takes, in milliseconds. */
  readonly loadTime: number
  /** The Redis of a source that the processes share; without it each has its own. */
  readonly sharedSource?: string
}

/** A request for a service process: the name of one of its calls, and its arguments. */
export interface ServiceRequest {
  readonly name: keyof ServiceCalls
  readonly args: readonly unknown[]
}

const options = JSON.parse(process.argv[2] ?? '') as ServiceOptions
const source = options.sharedSource
  ? new SharedSource(options.sharedSource, options.loadTime)
  : new OwnSource(options.loadTime)
const traffic = new Traffic((key) => (options.cache ? items().get(key) : source.read(key)))
const unhandled: string[] = []
let cache: Cache | undefined
let namespace: Namespace<string> | undefined

process.on('unhandledRejection', (reason) => {
  unhandled.push(reason instanceof Error ? (reason.stack ?? reason.message) : String(reason))
})

function items(): Namespace<string> {
  if (!namespace) throw new Error('open() comes first')
  return namespace
}

function health(): CacheHealth {
  if (!cache) throw new Error('open() comes first')
  return cache.health()
}

/** One process of a service with a cache, driven from a test. */
const calls = {
  /** Answers how long createCache took, in milliseconds. */
  open(): number {
    if (!options.cache) throw new Error('this service has no cache')
    const started = performance.now()
    cache = createCache(options.cache)
    const took = performance.now() - started
    namespace = cache.namespace<string>({
      ...options.namespace,
      name: 'item',
      load: (key) => source.read(key),
      save: (key, value) => source.write(key, value),
    })
    return took
  },
  /** Opens and gets at once, as a process does that starts under load. */
  async openAndGet(key: string): Promise<{ createMilliseconds: number; getMilliseconds: number; value: unknown }> {
    const createMilliseconds = calls.open()
    const started = performance.now()
    const value = await items().get(key)
    return { createMilliseconds, getMilliseconds: performance.now() - started, value }
  },
  get: (key: string): Promise<string | undefined> => items().get(key),
  /** Gets of one key that are all made at once; answers the different values. */
  async getTogether(key: string, count: number): Promise<(string | undefined)[]> {
    return [...new Set(await Promise.all(Array.from({ length: count }, () => items().get(key))))]
  },
  /** Sets, and answers what this process gets from then on, until somebody writes again or `milliseconds` have passed. */
  async set(key: string, value: string): Promise<string | undefined> {
    await items().set(key, value)
    return items().get(key)
  },
  async setOnly(key: string, value: string): Promise<void> {
    await items().set(key, value)
  },
  async delete(key: string): Promise<void> {
    await items().delete(key)
  },
  /** Gets the key again and again until it has the value; answers how long that took, in milliseconds. */
  async waitFor(key: string, value: string, milliseconds: number): Promise<number> {
    const started = performance.now()
    for (;;) {
      const seen = await items().get(key)
      const took = performance.now() - started
      if (seen === value) return took
      if (took > milliseconds) throw new Error(`${key} was still ${seen} after ${milliseconds} ms, and not ${value}`)
      await pause(2)
    }
  },
  /** The first keys of the traffic, loaded and stored. */
  async warm(keys: number): Promise<void> {
    for (let from = 0; from < keys; from += 500) {
      const some = Array.from({ length: Math.min(500, keys - from) }, (_, index) => `key-${from + index}`)
      await items().getMany(some)
    }
  },
  /**
   * Writes one version of the key after the other, half of them by `set` and half in the source followed by `delete`,
   * while many read it. Answers each read that began after a version was there for good and gave an older one.
   */
  async writeWhileReading(key: string, versions: number): Promise<string[]> {
    const violations: string[] = []
    let written = 0
    const reading = setInterval(async () => {
      const atLeast = written
      const seen = Number(await items().get(key))
      if (seen < atLeast) violations.push(`read ${seen} after ${atLeast} had been written`)
    }, 1)
    for (let version = 1; version <= versions; version++) {
      if (version % 2 === 1) await items().set(key, String(version))
      else {
        await source.write(key, String(version))
        await items().delete(key)
      }
      written = version
      await pause(Math.random() * 10)
    }
    clearInterval(reading)
    return violations
  },
  setLoadTime(milliseconds: number): void {
    source.delay = milliseconds
  },
  startTraffic(requestsPerSecond: number, keys: number): void {
    traffic.start(requestsPerSecond, keys)
  },
  stopTraffic(): void {
    traffic.stop()
  },
  measure: (): Promise<Measurement> => traffic.measure(),
  health,
  /** Loads of this process's own source. */
  ownSource(): { reads: number; peak: number } {
    if (!(source instanceof OwnSource)) throw new Error('this service shares its source')
    return { reads: source.reads, peak: source.peak }
  },
  unhandled: (): readonly string[] => unhandled,
}

export type ServiceCalls = typeof calls

answerRequests(
  ({ name, args }: ServiceRequest): unknown => (calls[name] as (...args: readonly unknown[]) => unknown)(...args),
  async () => {
    traffic.stop()
    await cache?.close()
    source.close()
  },
)
