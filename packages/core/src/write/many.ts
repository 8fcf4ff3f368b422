import { PartialWriteError } from '../errors.ts'
import type { WriteCall, WriteThrough } from './write-through.ts'

/** Keys whose news share messages, and deletions a script. */
const largestBatch = 100
/** Saves of one call that run at once. */
const mostSaves = 16

interface Writing<V> {
  set(key: string, value: V, call: WriteCall): Promise<void> | undefined
  /** Tells the others of the keys that the calls have put into `news`. */
  tell?(keys: readonly string[]): Promise<void>
}

/** @throws PartialWriteError once all others are written. */
export async function setMany<V>(
  writing: Writing<V>,
  entries: readonly (readonly [key: string, value: V])[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const failed = new Map<string, unknown>()
  for (const batch of batchesOf(entries)) {
    const news: string[] = []
    const call: WriteCall = { signal, news }
    const waiting = batch.values()
    const worker = async () => {
      for (const [key, value] of waiting) {
        try {
          signal?.throwIfAborted()
          await writing.set(key, value, call)
        } catch (error) {
          failed.set(key, error)
        }
      }
    }
    await Promise.all(Array.from({ length: Math.min(mostSaves, batch.length) }, worker))
    await writing.tell?.(news)
  }
  if (failed.size > 0) throw new PartialWriteError(failed, entries.length)
}

export async function deleteMany<V>(
  writing: Pick<WriteThrough<V>, 'deleteMany'>,
  keys: readonly string[],
): Promise<void> {
  for (const batch of batchesOf(keys)) await writing.deleteMany(batch)
}

function* batchesOf<T>(all: readonly T[]): Iterable<readonly T[]> {
  for (let from = 0; from < all.length; from += largestBatch) yield all.slice(from, from + largestBatch)
}
