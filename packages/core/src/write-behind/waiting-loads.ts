import { type Clock, sleep } from '../clock.ts'
import type { EntryKeys, GroupedKeySpace } from '../entry/key.ts'
import type { NamespaceSettings } from '../options/namespace-options.ts'
import type { Budget } from '../redis/budget.ts'
import type { StreamCommands, Waiting } from '../redis/stream-commands.ts'

type Load<V> = NonNullable<NamespaceSettings<V>['load']>
type LoadMany<V> = NonNullable<NamespaceSettings<V>['loadMany']>

type Loads<V> = Pick<NamespaceSettings<V>, 'name' | 'load' | 'loadMany'>
type LeasedStore = Parameters<StreamCommands['storeCounter']>[3]

export interface WaitingLoadsParts {
  readonly streams: Pick<StreamCommands, 'look' | 'storeCounter'>
  readonly keys: GroupedKeySpace
  readonly counters: boolean
  readonly clock: Clock
  readonly tallies: { unsureLoads: number }
  budget(): Budget
}

// About a third of a second in all: with the default delay there is a pause between two batches long before that.
const firstPause = 5
const longestPause = 50
const attempts = 12
// Loads whose store is still to come.
const mostSeen = 10_000

/**
 * Loads from a source that lags behind what waits. Of a counter: what the source has and what waits, provided nothing of the key was on its way between
 * the two while the source was read, for then nobody knows whether it is in both. Of a value that was set: once nothing waits any more.
 */
export class WaitingLoads<V> {
  readonly #parts: WaitingLoadsParts
  readonly #seen = new Map<string, Waiting>()

  constructor(parts: WaitingLoadsParts) {
    this.#parts = parts
  }

  /** These loads, each with what waits. */
  around({ name, load, loadMany }: Loads<V>): Loads<V> {
    return { name, load: load && this.wrapLoad(load), loadMany: loadMany && this.wrapLoadMany(loadMany) }
  }

  wrapLoad(load: Load<V>): Load<V> {
    return async (key, context) => {
      const fetch = async () => new Map([[key, await load(key, context)]])
      return (await this.#load([key], context.signal, fetch)).get(key)
    }
  }

  wrapLoadMany(loadMany: LoadMany<V>): LoadMany<V> {
    return (keys, context) => this.#load(keys, context.signal, async (some) => await loadMany(some, context))
  }

  /**
   * Stores under its lease what was loaded: a counter with what was appended since. Where Redis did not tell what waits, it only gives the lease back.
   * Undefined for a value that may be stored as any other: what is set meanwhile voids the lease.
   */
  store(key: string, entryKeys: EntryKeys, store: LeasedStore): Promise<boolean> | undefined {
    const { streams, keys, budget, counters } = this.#parts
    const seen = this.#seen.get(entryKeys.value)
    this.#seen.delete(entryKeys.value)
    if (!counters && seen !== undefined) return undefined
    return streams.storeCounter(entryKeys, keys.groupOf(key), seen ?? unknown, store, budget())
  }

  /** `fetch` reads the source for several keys; it is called again for those that it has to be. */
  async #load(
    keys: readonly string[],
    signal: AbortSignal,
    fetch: (keys: readonly string[]) => Promise<ReadonlyMap<string, V | undefined>>,
  ): Promise<Map<string, V | undefined>> {
    const { counters, clock, keys: space } = this.#parts
    const values = new Map<string, V | undefined>()
    // Of an earlier load that was not stored.
    for (const key of keys) this.#seen.delete(space.value(key))
    let open = keys
    for (let attempt = 1; ; attempt++) {
      const undecided = await (counters ? this.#count(open, fetch, values, attempt) : this.#read(open, fetch, values))
      if (undecided.length === 0) return values
      open = undecided
      await sleep(clock, Math.min(longestPause, firstPause * attempt))
      signal.throwIfAborted()
    }
  }

  /** Answers the keys for which what waits may be in what the source told, or not. */
  async #count(
    keys: readonly string[],
    fetch: (keys: readonly string[]) => Promise<ReadonlyMap<string, V | undefined>>,
    values: Map<string, V | undefined>,
    attempt: number,
  ): Promise<readonly string[]> {
    const before = await this.#look(keys)
    const loaded = await fetch(keys)
    const after = await this.#look(keys)
    const undecided: string[] = []
    for (const key of keys) {
      const waiting = after.get(key)
      if (isSure(before.get(key), waiting)) {
        if (waiting !== undefined) this.#remember(key, waiting)
        values.set(key, sumOf(loaded.get(key), waiting))
      } else if (attempt < attempts) undecided.push(key)
      else {
        // Saved without a pause: a caller cannot wait for ever. Not remembered, so that it is stored nowhere.
        this.#parts.tallies.unsureLoads += 1
        values.set(key, sumOf(loaded.get(key), waiting))
      }
    }
    return undecided
  }

  /** Answers the keys that a newer value waits for. */
  async #read(
    keys: readonly string[],
    fetch: (keys: readonly string[]) => Promise<ReadonlyMap<string, V | undefined>>,
    values: Map<string, V | undefined>,
  ): Promise<readonly string[]> {
    const looks = await this.#look(keys)
    const waits = (key: string) => (looks.get(key)?.count ?? 0) > 0
    const due = keys.filter((key) => !waits(key))
    const loaded = due.length === 0 ? undefined : await fetch(due)
    for (const key of due) {
      const look = looks.get(key)
      if (look !== undefined) this.#remember(key, look)
      values.set(key, loaded?.get(key))
    }
    return keys.filter(waits)
  }

  #remember(key: string, waiting: Waiting): void {
    if (this.#seen.size >= mostSeen) this.#seen.clear()
    this.#seen.set(this.#parts.keys.value(key), waiting)
  }

  async #look(keys: readonly string[]): Promise<Map<string, Waiting>> {
    const { streams, keys: space, budget } = this.#parts
    const looks = new Map<string, Waiting>()
    const look = async (key: string) => {
      looks.set(key, await streams.look(space.groupOf(key), space.value(key), budget()))
    }
    await Promise.allSettled(keys.map(look))
    return looks
  }
}

/** What no group has delivered: a store by it is refused. */
const unknown = { delivered: '', sum: 0 }

/**
 * Without an answer Redis is away: the source's word is all there is, and it is stored nowhere. With an answer only
 * afterwards there is no telling what was saved meanwhile.
 */
function isSure(before: Waiting | undefined, after: Waiting | undefined): boolean {
  if (after === undefined) return true
  return before !== undefined && before.delivered === after.delivered && !before.flushing
}

function sumOf<V>(value: V | undefined, waiting: Waiting | undefined): V | undefined {
  if (waiting === undefined || waiting.count === 0) return value
  return (Number(value ?? 0) + waiting.sum) as V
}
