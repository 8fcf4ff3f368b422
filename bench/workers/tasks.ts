import { type ClosedLoopSettings, closedLoop, newKeysLoop, tightLoop, warm } from '../load/closed-loop.ts'
import { type CountersSettings, countersLoop } from '../load/counters.ts'
import { type HotKeySettings, hotKeyVisits } from '../load/hot-key.ts'
import type { Keys } from '../load/keys.ts'
import { type OpenLoopSettings, openLoop } from '../load/open-loop.ts'
import { Source, type SourceSettings } from '../load/source.ts'
import { peerNamed } from '../peers/index.ts'
import type { CacheSettings, OpenCache, OpenPeer } from '../peers/peer.ts'

export interface Burst {
  readonly answered: number
  readonly ms: number
}

interface Prepared {
  readonly open: OpenPeer
  readonly source: Source
}

let prepared: Prepared | undefined
let cache: OpenCache | undefined
let strays = 0
let lastStray: string | undefined

/** Rejections that nobody handled: they would have ended a service. */
export function countStray(error: unknown): void {
  strays++
  lastStray = error instanceof Error ? (error.stack ?? error.message) : String(error)
}

function opened(): OpenCache {
  if (!cache) throw new Error('the worker has not opened a cache')
  return cache
}

function preparation(): Prepared {
  if (!prepared) throw new Error('the worker has not been told which library to use')
  return prepared
}

/** What a worker process can be asked to do. Inputs and results travel over IPC, so they are plain data. */
export const tasks = {
  /** Imports the library, so that opening it later costs what it costs and no more. */
  async prepare(input: { peer: string; source: SourceSettings }): Promise<void> {
    const { open } = await peerNamed(input.peer).open()
    prepared = { open, source: new Source(input.source) }
  },

  async open(settings: CacheSettings): Promise<{ ms: number }> {
    const { open, source } = preparation()
    const start = performance.now()
    cache = open(settings, source.load)
    return { ms: performance.now() - start }
  },

  async close(): Promise<void> {
    await cache?.close()
    cache = undefined
  },

  async get(key: string): Promise<{ answered: boolean; ms: number }> {
    const start = performance.now()
    const value = await opened().get(key)
    return { answered: value !== undefined && value !== null, ms: performance.now() - start }
  },

  /** The same key, so many times at once. */
  async burst(input: { key: string; count: number }): Promise<Burst> {
    const start = performance.now()
    const gets = Array.from({ length: input.count }, () => opened().get(input.key))
    const results = await Promise.allSettled(gets)
    const answered = results.filter((result) => result.status === 'fulfilled' && result.value != null).length
    return { answered, ms: performance.now() - start }
  },

  warm: (keys: Keys) => warm((key) => opened().get(key), keys),

  closedLoop: (settings: ClosedLoopSettings) => closedLoop(opened(), settings),
  tightLoop: (settings: Pick<ClosedLoopSettings, 'durationMs' | 'keys'>) => tightLoop(opened(), settings),
  newKeysLoop: (settings: { from: number; count: number }) => newKeysLoop(opened(), settings),
  openLoop: (settings: OpenLoopSettings) => openLoop((key) => opened().get(key), settings),

  counters: (settings: CountersSettings) => countersLoop(settings),
  hotKeyVisits: (settings: HotKeySettings) => hotKeyVisits(settings),

  async source(): Promise<ReturnType<Source['report']>> {
    return preparation().source.report()
  },

  async changeSource(change: Partial<SourceSettings>): Promise<void> {
    preparation().source.change(change)
  },

  async resetSource(): Promise<void> {
    preparation().source.reset()
  },

  async strays(): Promise<{ count: number; last: string | undefined }> {
    return { count: strays, last: lastStray }
  },
} satisfies Record<string, (input: never) => Promise<unknown>>

export type Tasks = typeof tasks
