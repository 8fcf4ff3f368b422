import { setTimeout as pause } from 'node:timers/promises'
import type { Keys } from './load/keys.ts'
import type { SourceSettings } from './load/source.ts'
import { median } from './load/statistics.ts'
import { type Peer, plimsoll, raw } from './peers/index.ts'
import type { CacheSettings } from './peers/peer.ts'
import type { Stage } from './scenario.ts'
import type { Worker } from './workers/pool.ts'

/** A worker that has opened a library. */
export interface Candidate {
  readonly peer: Peer
  readonly worker: Worker
}

/** The candidates of a scenario that compares with raw ioredis, which therefore has to run. */
export function withRaw(peers: readonly Peer[]): readonly Peer[] {
  return peers.includes(raw) ? peers : [raw, ...peers]
}

export function isPlimsoll({ peer }: Pick<Candidate, 'peer'>): boolean {
  return peer === plimsoll
}

export async function prepare(stage: Stage, peer: Peer, source: SourceSettings): Promise<Candidate> {
  const worker = stage.startWorker()
  await worker.call('prepare', { peer: peer.name, source })
  return { peer, worker }
}

export async function open(
  stage: Stage,
  peer: Peer,
  source: SourceSettings,
  settings: CacheSettings,
): Promise<Candidate> {
  const candidate = await prepare(stage, peer, source)
  await candidate.worker.call('open', { ...settings, ...stage.connections })
  return candidate
}

/**
 * Has the cache filled with every key. Libraries with no offline queue may miss Redis with their first commands, so it is
 * done again until nothing has to be loaded.
 */
export async function fill({ peer, worker }: Candidate, keys: Keys): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt++) {
    await worker.call('resetSource')
    const errors = await worker.call('warm', keys)
    if (errors === 0 && (await worker.call('source')).loads === 0) return
    await pause(300)
  }
  throw new Error(`${peer.name} does not keep the ${keys.count} keys that it has been asked for`)
}

/**
 * Measures one candidate after the other, round after round, every other round backwards: what else the machine does in
 * the meantime then falls on all of them alike.
 */
export async function interleave<Figure>(
  candidates: readonly Candidate[],
  rounds: number,
  measure: (candidate: Candidate) => Promise<Figure>,
): Promise<ReadonlyMap<Peer, readonly Figure[]>> {
  const figures = new Map<Peer, Figure[]>(candidates.map(({ peer }) => [peer, []]))
  for (let round = 0; round < rounds; round++) {
    for (const candidate of round % 2 === 0 ? candidates : candidates.toReversed()) {
      figures.get(candidate.peer)?.push(await measure(candidate))
      await pause(20)
    }
  }
  return figures
}

/** The median of a candidate's figures over another's of the same round. */
export function medianRatio(figures: ReadonlyMap<Peer, readonly number[]>, peer: Peer, to: Peer): number {
  const base = figures.get(to) ?? []
  return median((figures.get(peer) ?? []).map((figure, round) => figure / (base[round] ?? Number.NaN)))
}

/** One of several figures that were measured together. */
export function each<Figure>(
  figures: ReadonlyMap<Peer, readonly Figure[]>,
  pick: (figure: Figure) => number,
): ReadonlyMap<Peer, readonly number[]> {
  return new Map([...figures].map(([peer, list]) => [peer, list.map(pick)]))
}

/** Runs a few at a time, keeping the order of the results. */
export async function fewAtATime<Item, Result>(
  items: readonly Item[],
  size: number,
  perform: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  for (let first = 0; first < items.length; first += size) {
    results.push(...(await Promise.all(items.slice(first, first + size).map(perform))))
  }
  return results
}
