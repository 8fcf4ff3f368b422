import { type Clock, systemClock } from '../clock.ts'
import { InvalidArgumentError } from '../errors.ts'
import type { SampleClient } from './sample-client.ts'
import { SampleTally, type TalliedSample } from './sample-tally.ts'

export interface SampleOptions {
  /** Keys to look at, at most: 1 to 10,000,000. */
  readonly limit: number
  /** Milliseconds that it may take; default 30 s. The page under way is finished. */
  readonly budget?: number | undefined
  /** Whether the largest keys are named; default false, which names them by twelve digits of their SHA-256. */
  readonly showKeys?: boolean | undefined
  /** Keys in the database, from DBSIZE, for a true total in the progress. */
  readonly keysInDatabase?: number | undefined
  readonly onProgress?: ((progress: SampleProgress) => void) | undefined
  readonly clock?: Pick<Clock, 'now'> | undefined
  readonly signal?: AbortSignal | undefined
}

export interface SampleProgress {
  readonly done: number
  readonly total: number
}

export interface KeySample extends TalliedSample {
  /** What ended it: all keys seen, `limit`, `budget`, the signal, or an error of Redis after the first page. */
  readonly endedBy: 'end' | 'limit' | 'budget' | 'signal' | 'error'
  readonly milliseconds: number
}

const keysPerPage = 500
const defaultBudget = 30_000

/**
 * Looks at some keys of one node: sizes, types, time to live, by prefix. SCAN walks the hash table, so the first keys
 * are a fair sample of all. Nothing is read or written, no key looks used afterwards.
 *
 * @throws InvalidArgumentError for a limit out of range; what SCAN throws, where nothing was seen yet.
 */
export async function sampleKeys(client: SampleClient, options: SampleOptions): Promise<KeySample> {
  const { limit, budget = defaultBudget, showKeys = false, clock = systemClock, signal } = options
  if (!Number.isInteger(limit) || limit < 1 || limit > 10_000_000) {
    throw new InvalidArgumentError('limit', 'expected a whole number of keys from 1 to 10000000')
  }
  const total = Math.min(limit, options.keysInDatabase ?? limit)
  const start = clock.now()
  const tally = new SampleTally(showKeys)
  let endedBy: KeySample['endedBy'] = 'end'
  let cursor = '0'
  let seen = 0
  do {
    try {
      const [next, found] = await client.scan(cursor, Math.min(keysPerPage, limit))
      const keys = found.slice(0, limit - seen)
      const inspected = keys.length === 0 ? [] : await client.inspect(keys)
      keys.forEach((key, index) => {
        const facts = inspected[index]
        if (facts !== undefined) tally.add(key, facts)
      })
      seen += keys.length
      cursor = next
    } catch (error) {
      if (tally.keys === 0) throw error
      endedBy = 'error'
      break
    }
    options.onProgress?.({
      done: cursor === '0' ? Math.max(seen, total) : Math.min(seen, total),
      total: Math.max(total, 1),
    })
    if (cursor === '0') break
    if (seen >= limit) endedBy = 'limit'
    else if (signal?.aborted) endedBy = 'signal'
    else if (clock.now() - start >= budget) endedBy = 'budget'
  } while (endedBy === 'end')
  return { ...tally.evidence(), endedBy, milliseconds: clock.now() - start }
}
