import { parseArgs } from 'node:util'
import type { Duration } from '@plimsoll/core'

export interface Options {
  readonly keys: number
  readonly concurrency: number
  readonly batch: number
  readonly loadTime: number
  readonly wait: Duration
  readonly json: boolean
}

export const help = `Warms the products of a shop before anybody asks for them.

  pnpm exec tsx examples/warming/warm.ts [options]

  --keys <n>         products that the shop has                          10000
  --batch <n>        keys of one call of loadMany                          100
  --concurrency <n>  calls of loadMany at once                               8
  --load-time <ms>   what a call of the database takes                      20
  --wait <duration>  for how long it may come no further                    1m
  --json             a line of JSON a second on stdout, for machines
  --help             this

  REDIS_URL          the Redis to warm; without it this process alone

Start it several times at once: the processes share the work. Ctrl-C ends it when what has begun has ended; started again
it goes on where it stopped.

Exit codes: 0 all is warm · 1 some products could not be loaded, or it came no further · 2 wrong options · 130 Ctrl-C · 143 SIGTERM
`

export class UsageError extends Error {}

/** Undefined where help was asked for. */
export function readOptions(args: string[]): Options | undefined {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const known = { keys: text, batch: text, concurrency: text, 'load-time': text, wait: text, json: flag, help: flag }
  let values: Partial<Record<keyof typeof known, string | boolean>>
  try {
    values = parseArgs({ args, options: known }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
  if (values.help) return undefined
  const whole = (name: 'keys' | 'batch' | 'concurrency' | 'load-time', otherwise: number, most: number): number => {
    const given = values[name]
    if (given === undefined) return otherwise
    if (!/^\d+$/.test(String(given)) || Number(given) > most) {
      throw new UsageError(`--${name}: expected a whole number from 0 to ${most}`)
    }
    return Number(given)
  }
  return {
    keys: whole('keys', 10_000, 10_000_000),
    batch: whole('batch', 100, 1_000),
    concurrency: whole('concurrency', 8, 1_000),
    loadTime: whole('load-time', 20, 60_000),
    wait: String(values.wait ?? '1m') as Duration,
    json: values.json === true,
  }
}
