import type { Clock } from '../clock.ts'
import { assertKey } from '../entry/key.ts'
import { InvalidArgumentError, PartialWriteError } from '../errors.ts'
import { GatheredNews } from './gathered-news.ts'
import type { WriteCall, WriteThrough } from './write-through.ts'

/** Deletions that share a script. */
const largestBatch = 100
/** Saves of one call that run at once. */
const mostSaves = 16
/** Entries that each of these writes before others have their turn. */
const mostInTurn = 8

interface Writing<V> {
  set(key: string, value: V, call: WriteCall): Promise<void>
  /** Tells the others of the keys that the calls have put into `news`. */
  tell(keys: readonly string[]): Promise<void>
}

/** @throws PartialWriteError once all others are written. */
export async function setMany<V>(
  writing: Writing<V>,
  entries: readonly (readonly [key: string, value: V])[],
  signal: AbortSignal | undefined,
  clock: Clock,
): Promise<void> {
  const failed = new Map<string, unknown>()
  const gathered = new GatheredNews(clock, (keys) => writing.tell(keys))
  const waiting = entries.values()
  const worker = async () => {
    let written = 0
    for (const [key, value] of waiting) {
      if (written++ % mostInTurn === mostInTurn - 1) await eventLoopTurn()
      // Told once the write has ended: who heard of it before would read the older value again, and keep that.
      const news: string[] = []
      try {
        signal?.throwIfAborted()
        await writing.set(key, value, { signal, news })
      } catch (error) {
        failed.set(key, error)
      }
      await gathered.add(news)
    }
  }
  await Promise.all(Array.from({ length: Math.min(mostSaves, entries.length) }, worker))
  await gathered.tell()
  if (failed.size > 0) throw new PartialWriteError(failed, entries.length)
}

export async function deleteMany<V>(
  writing: Pick<WriteThrough<V>, 'deleteMany'>,
  keys: readonly string[],
): Promise<void> {
  for (const [index, batch] of [...batchesOf(keys)].entries()) {
    if (index > 0) await eventLoopTurn()
    await writing.deleteMany(batch)
  }
}

/** While Redis is away nothing here waits for anything, and a hundred thousand keys would hold up all the others. */
function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/** @throws InvalidArgumentError for one key, which is an iterable of strings too: it would be taken for keys of a letter. */
export function assertIterable(keys: unknown): asserts keys is Iterable<unknown> | AsyncIterable<unknown> {
  const isAsync = typeof keys === 'object' && keys !== null && Symbol.asyncIterator in keys
  if (typeof keys === 'string' || !(isAsync || isIterable(keys))) {
    throw new InvalidArgumentError('keys', 'expected an array or another iterable of strings')
  }
}

/** @throws InvalidArgumentError */
export function assertKeys(keys: unknown): string[] {
  assertIterable(keys)
  if (!isIterable(keys)) throw new InvalidArgumentError('keys', 'expected an iterable that is not asynchronous')
  const all = [...keys]
  for (const key of all) assertKey(key)
  return all as string[]
}

/** @throws InvalidArgumentError */
export function assertEntries<V>(entries: Iterable<readonly [key: string, value: V]>): (readonly [string, V])[] {
  const all = isIterable(entries) ? [...entries] : [undefined]
  for (const entry of all) {
    if (!Array.isArray(entry)) throw new InvalidArgumentError('entries', 'expected a Map, or pairs of key and value')
    assertKey(entry[0])
  }
  return all as (readonly [string, V])[]
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof (value as Iterable<unknown> | null | undefined)?.[Symbol.iterator] === 'function'
}

function* batchesOf<T>(all: readonly T[]): Iterable<readonly T[]> {
  for (let from = 0; from < all.length; from += largestBatch) yield all.slice(from, from + largestBatch)
}
