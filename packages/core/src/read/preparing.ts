import { type Errand, endedErrand } from './errand.ts'
import type { Fetch } from './read-parts.ts'
import type { Prepare } from './warm.ts'

/** Sees to batches of keys, whose loads are one where `fetchFor` makes them one. A key that `assertUsable` refuses is a failed one. */
export function preparing<V>(
  fetchFor: (keys: ReadonlySet<string>) => Fetch<V>,
  assertUsable: (key: string) => void,
  prepare: (key: string, fetch: Fetch<V>) => Promise<Errand>,
): Prepare {
  return async (keys) => {
    const left = new Set(keys)
    const fetch = fetchFor(left)
    return await Promise.all(
      keys.map((key) => {
        // The second of two goes on when the first is through.
        if (!left.delete(key)) return endedErrand('held')
        try {
          assertUsable(key)
        } catch (error) {
          fetch.dropOut(key)
          return endedErrand('failed', error)
        }
        return prepare(key, fetch)
      }),
    )
  }
}
