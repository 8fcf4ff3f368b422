import type { Purpose } from '../findings/evidence.ts'
import { parseSize } from '../options/size.ts'
import { type CommandLine, parseCommandLine, UsageError } from './command-line.ts'
import { CouldNotLook } from './could-not-look.ts'
import { exitCodes } from './exit-codes.ts'
import { makePlan, type PlanInput } from './plan.ts'
import { bytesBesideUsage } from './plan-bytes.ts'
import { planText } from './plan-text.ts'
import type { Streams } from './streams.ts'

/** What a running Redis told of its keys. */
export interface MeasuredKeys {
  /** In the whole database. */
  readonly keys: number
  /** Those of the sample: their number, how many expire, and what MEMORY USAGE says of them in all. */
  readonly sampled: number
  readonly expiring: number
  readonly bytes: number
}

export interface PlanTools {
  /** Samples the Redis behind a URL. @throws CouldNotLook */
  measure(url: string): Promise<MeasuredKeys>
}

export const planHelp = `Usage: plimsoll plan --users N --sessions N --bytes SIZE [options]
       plimsoll plan --keys N --bytes SIZE | --key-bytes SIZE [options]
       plimsoll plan --redis redis://host:6379 [options]

How much memory Redis needs: maxmemory, policy, container limit, Helm values.

How many keys
  --users N         users at the same time, 1 to 1000000000
  --sessions N      keys of each user, 0.01 to 10000 (default 1)
  --keys N          keys in all instead, 1 to 1000000000000

How large
  --bytes SIZE      a value, 1 to 512Mi, such as 2Ki; what Redis needs beside it is added
  --key-bytes SIZE  a key with all that Redis needs for it, 16 to 1Gi, as measured
  --redis URL       measures it on this Redis by a bounded, read-only sample;
                    without --users and --keys its number of keys counts too

What for
  --purpose WORD    cache, session or queue (default session with --users, else cache)
  --headroom N      how many times the data fits, 1 to 10 (default 2.5)
  --growth SHARE    a month, 0.1% to 100%, such as 5%/month: adds a table until Redis is full

  --json            prints the plan as JSON
  --help            prints this
`

const known = {
  texts: [
    ...['--users', '--sessions', '--keys', '--bytes', '--key-bytes', '--redis'],
    ...['--purpose', '--headroom', '--growth'],
  ],
  flags: ['--json', '--help'],
}

/** `plimsoll plan …`: the arguments after `plan`. Resolves to the exit code; rejects with what is no fault of a user's. */
export async function planCommand(argv: readonly string[], streams: Streams, tools: PlanTools): Promise<number> {
  const fail = (message: string, code: number): number => {
    streams.stderr.write(`plimsoll plan: ${message}\n`)
    return code
  }
  try {
    const line = parseCommandLine(argv, known)
    if (line.flags.has('--help')) {
      streams.stdout.write(planHelp)
      return exitCodes.fine
    }
    const request = requestOf(line)
    const measured = request.redis === undefined ? undefined : await tools.measure(request.redis)
    if (measured !== undefined && measured.sampled === 0) {
      return fail('this Redis holds no keys to measure; give --bytes instead of --redis', exitCodes.couldNotLook)
    }
    const plan = makePlan(inputOf(request, measured))
    streams.stdout.write(line.flags.has('--json') ? `${JSON.stringify(plan, null, 2)}\n` : planText(plan))
    return exitCodes.fine
  } catch (error) {
    if (error instanceof UsageError) return fail(`${error.message}; see plimsoll plan --help`, exitCodes.usage)
    if (error instanceof CouldNotLook) return fail(error.message, exitCodes.couldNotLook)
    throw error
  }
}

interface Request {
  readonly keys: number | undefined
  readonly bytes: number | undefined
  readonly keyBytes: number | undefined
  readonly redis: string | undefined
  readonly purpose: Purpose
  readonly headroom: number
  readonly growth: number
}

function requestOf(line: CommandLine): Request {
  // A URL may stand there, and it may carry a password: it is not repeated.
  if (line.rest.length > 0) throw new UsageError('expected options only; a Redis is named by --redis')
  const text = (option: string) => line.texts.get(option)
  const number = (option: string, least: number, most: number, what: string, whole = true) =>
    read(option, text(option), numberOf, [least, most], `expected ${what} from ${least} to ${most}`, whole)
  const size = (option: string, least: number, most: number, range: string) =>
    read(option, text(option), sizeOf, [least, most], `expected a size from ${range}, such as 2Ki`)
  const users = number('--users', 1, 1e9, 'a whole number')
  const sessions = number('--sessions', 0.01, 10_000, 'a number', false)
  const keys = number('--keys', 1, 1e12, 'a whole number')
  const bytes = size('--bytes', 1, 512 * 1024 ** 2, '1 to 512Mi')
  const keyBytes = size('--key-bytes', 16, 1024 ** 3, '16 to 1Gi')
  const redis = text('--redis')
  const headroom = number('--headroom', 1, 10, 'a number', false) ?? 2.5
  const growth = read(
    '--growth',
    text('--growth'),
    shareOf,
    [0.001, 1],
    'expected a share from 0.1% to 100%, such as 5%/month',
  )
  const purpose = purposes.find((word) => word === (text('--purpose') ?? (users === undefined ? 'cache' : 'session')))

  if (purpose === undefined) throw new UsageError('--purpose: expected cache, session or queue')
  if (users !== undefined && keys !== undefined) throw new UsageError('--keys: does not go with --users')
  if (sessions !== undefined && users === undefined) throw new UsageError('--sessions: expected beside --users')
  const sizes = [bytes, keyBytes, redis].filter((given) => given !== undefined).length
  if (sizes > 1) throw new UsageError('--bytes, --key-bytes and --redis: expected one of them')
  if (sizes === 0)
    throw new UsageError('--bytes: expected a size from 1 to 512Mi, such as 2Ki, or --key-bytes, or --redis')
  if (users === undefined && keys === undefined && redis === undefined) {
    throw new UsageError('--users: expected a whole number from 1 to 1000000000, or --keys, or --redis')
  }
  if (redis !== undefined && !/^rediss?:\/\//.test(redis)) {
    throw new UsageError('--redis: expected a URL such as redis://host:6379, or rediss:// for TLS')
  }
  return {
    keys: users === undefined ? keys : Math.ceil(users * (sessions ?? 1)),
    ...{ bytes, keyBytes, redis, purpose, headroom, growth: growth ?? 0 },
  }
}

function inputOf(request: Request, measured: MeasuredKeys | undefined): PlanInput {
  const { purpose, headroom, growth, bytes, keyBytes } = request
  const keys = request.keys ?? measured?.keys ?? 0
  const shared = { purpose, headroom, growth, keys }
  if (bytes !== undefined) return { ...shared, size: { kind: 'value', bytes } }
  if (measured === undefined) return { ...shared, size: { kind: 'key', bytes: keyBytes ?? 0, source: 'given' } }
  const beside = bytesBesideUsage({ keys, expiring: measured.expiring / measured.sampled })
  return { ...shared, size: { kind: 'key', bytes: measured.bytes / measured.sampled + beside, source: 'measured' } }
}

const purposes: readonly Purpose[] = ['cache', 'session', 'queue']

function read(
  option: string,
  text: string | undefined,
  parse: (text: string) => number | undefined,
  [least, most]: readonly [number, number],
  expected: string,
  whole = false,
): number | undefined {
  if (text === undefined) return undefined
  const value = parse(text)
  if (value === undefined || value < least || value > most || (whole && !Number.isInteger(value))) {
    throw new UsageError(`${option}: ${expected}`)
  }
  return value
}

function numberOf(text: string): number | undefined {
  return /^\d{1,15}(\.\d{1,6})?$/.test(text) ? Number(text) : undefined
}

function sizeOf(text: string): number | undefined {
  // Reports say "64 MiB".
  return parseSize(/^\d{1,15}$/.test(text) ? Number(text) : text.replace(/ ?([KMGT]i)B?$/, '$1'))
}

function shareOf(text: string): number | undefined {
  const match = /^(\d{1,3}(?:\.\d{1,3})?)%(?:\/month)?$/.exec(text)
  return match === null ? undefined : Number(match[1]) / 100
}
