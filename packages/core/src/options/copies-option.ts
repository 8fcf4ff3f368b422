import { z } from 'zod'
import type { OptionIssue } from '../errors.ts'
import { whole } from './policy.ts'

export interface CopiesOptions {
  /** Copies beside the original, from 1 to 31. One less than there are primaries spreads a key over all of them. */
  count: number
  /** From so many reads of one key a second on, by this process and from Redis, its copies are read too. Default 100. */
  beyond?: number | undefined
}

export interface CopiesSettings {
  readonly count: number
  readonly beyond: number
}

// A hundredth of what one node answers for each of ten processes: below that nothing is gained, and a write still
// drops all copies.
const defaultBeyond = 100

const fields = z.strictObject(
  { count: whole(1, 31), beyond: whole(1, 1_000_000).optional() },
  { error: 'expected a whole number from 1 to 31, or { count, beyond }' },
)

export const copiesSchema = z
  .preprocess((given) => (typeof given === 'number' ? { count: given } : given), fields)
  .transform(({ count, beyond }): CopiesSettings => ({ count, beyond: beyond ?? defaultBeyond }))

export function copiesIssues(
  options: { copies?: unknown; write?: unknown } | null | undefined,
  { invalidation }: { readonly invalidation: unknown },
): OptionIssue[] {
  if (options?.copies === undefined) return []
  const path = 'copies'
  return [
    ...(options.write === 'behind'
      ? [{ path, expected: 'what is written behind has none: expected write: "through"' }]
      : []),
    // Also where there is no cluster: what a developer declares against one Redis must not fail first in production.
    ...(invalidation === 'tracking'
      ? [
          {
            path,
            expected:
              'what others delete in Redis lives on in copies, which invalidation: "tracking" cannot tell of: leave copies ' +
              'out, or declare the namespace on a cache with invalidation: "pubsub"',
          },
        ]
      : []),
  ]
}
