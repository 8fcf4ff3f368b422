import type { Purpose } from '../findings/evidence.ts'
import { nameSchema } from '../options/cache-options.ts'
import { parseDuration } from '../options/duration.ts'
import { type RedisOption, redisOptionSchema } from '../options/redis-options.ts'
import { parseSize } from '../options/size.ts'
import { parseCommandLine, UsageError } from './command-line.ts'

export interface DoctorOptions {
  /** One Redis, or one node of a cluster whose primaries are all looked at. */
  readonly url: string
  readonly cluster: boolean
  /** A file with the certificate of the authority that vouches for the server's. */
  readonly ca: string | undefined
  /** The container's limit in bytes. */
  readonly limit: number | undefined
  readonly manifest: string | undefined
  readonly pod: string | undefined
  readonly logs: string | undefined
  readonly purpose: Purpose
  readonly budget: BudgetOptions | undefined
  /** How many keys to sample; undefined for none. */
  readonly sample: number | undefined
  readonly showKeys: boolean
  /** The name of the cache that uses this Redis. */
  readonly name: string | undefined
  readonly json: boolean
  readonly watch: boolean
  /** Milliseconds between two looks. */
  readonly interval: number
  /** Milliseconds that one answer of Redis may take. */
  readonly timeout: number
  readonly color: boolean
}

export interface BudgetOptions {
  readonly pods: number
  readonly connections: number
  readonly surge: number
  readonly others: number
}

const texts = [
  ...['--limit', '--manifest', '--pod', '--logs', '--purpose', '--pods', '--connections', '--surge', '--others'],
  ...['--sample', '--name', '--interval', '--timeout', '--ca'],
]
const flags = ['--show-keys', '--json', '--watch', '--no-color', '--cluster', '--help']
const purposes: readonly Purpose[] = ['cache', 'session', 'queue']

/**
 * What the doctor was asked; undefined where it was asked for help. Values are never repeated in an error: a URL may
 * carry a password.
 *
 * @throws UsageError
 */
export function parseDoctorOptions(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): DoctorOptions | undefined {
  const line = parseCommandLine(argv, { texts, flags })
  if (line.flags.has('--help')) return undefined
  const text = (option: string) => line.texts.get(option)
  const watch = line.flags.has('--watch')
  if (watch && text('--sample') !== undefined) throw new UsageError('--sample: does not go with --watch')
  return {
    url: urlOf(line.rest, environment['REDIS_URL']),
    cluster: line.flags.has('--cluster'),
    ca: text('--ca'),
    limit: read('--limit', text('--limit'), sizeOf, 'a size from 1Mi to 16384Gi, such as 64Mi'),
    manifest: text('--manifest'),
    pod: text('--pod'),
    logs: text('--logs'),
    purpose: read('--purpose', text('--purpose'), purposeOf, 'cache, session or queue') ?? 'cache',
    budget: budgetOf(text),
    sample: read('--sample', text('--sample'), whole(1, 10_000_000), 'a number of keys from 1 to 10000000'),
    showKeys: line.flags.has('--show-keys'),
    name: read(
      '--name',
      text('--name'),
      nameOf,
      'the name of a cache: at most 64 letters, digits, dots, dashes and underscores',
    ),
    json: line.flags.has('--json'),
    watch,
    interval: read('--interval', text('--interval'), between(100, 3_600_000), 'a duration from 100ms to 1h') ?? 1_000,
    timeout: read('--timeout', text('--timeout'), between(50, 60_000), 'a duration from 50ms to 60s') ?? 3_000,
    color: !line.flags.has('--no-color') && (environment['NO_COLOR'] ?? '') === '',
  }
}

function urlOf(rest: readonly string[], fromEnvironment: string | undefined): string {
  if (rest.length > 1)
    throw new UsageError('expected one URL; quote it, should it hold characters that the shell takes')
  const named = rest[0] === undefined ? 'REDIS_URL' : 'URL'
  const url = rest[0] ?? fromEnvironment
  if (url === undefined || url === '') {
    throw new UsageError(
      'expected a URL such as redis://host:6379 (or rediss:// for TLS), or REDIS_URL in the environment',
    )
  }
  const issue = redisOptionSchema.safeParse(url satisfies RedisOption).error?.issues[0]
  if (issue !== undefined) throw new UsageError(`${named}: ${issue.message}`)
  return url
}

function budgetOf(text: (option: string) => string | undefined): BudgetOptions | undefined {
  const count = (option: string) =>
    read(option, text(option), whole(option === '--others' ? 0 : 1, 100_000), 'a whole number up to 100000')
  const pods = count('--pods')
  const connections = count('--connections')
  const surge = read('--surge', text('--surge'), surgeOf, 'a factor from 1 to 10: 2 where a rollout doubles the pods')
  const others = count('--others')
  if (pods !== undefined && connections !== undefined)
    return { pods, connections, surge: surge ?? 2, others: others ?? 0 }
  const missing = pods === undefined ? '--pods' : '--connections'
  const given = [pods, connections, surge, others].some((value) => value !== undefined)
  if (given) throw new UsageError(`${missing}: expected beside the other numbers of the connection budget`)
  return undefined
}

function read<T>(
  option: string,
  text: string | undefined,
  parse: (text: string) => T | undefined,
  expected: string,
): T | undefined {
  if (text === undefined) return undefined
  const value = parse(text)
  if (value === undefined) throw new UsageError(`${option}: expected ${expected}`)
  return value
}

function whole(least: number, most: number) {
  return (text: string) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : -1
    return value >= least && value <= most ? value : undefined
  }
}

function between(least: number, most: number) {
  return (text: string) => {
    // A bare number is milliseconds.
    const value = parseDuration(/^\d{1,9}$/.test(text) ? Number(text) : text)
    return value !== undefined && value >= least && value <= most ? value : undefined
  }
}

function sizeOf(text: string): number | undefined {
  // Reports say "64 MiB".
  const value = parseSize(/^\d{1,15}$/.test(text) ? Number(text) : text.replace(/ ?([KMGT]i)B?$/, '$1'))
  return value !== undefined && value >= 1024 ** 2 && value <= 2 ** 44 ? value : undefined
}

function surgeOf(text: string): number | undefined {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0
  return value >= 1 && value <= 10 ? value : undefined
}

function nameOf(text: string): string | undefined {
  return nameSchema.safeParse(text).success ? text : undefined
}

function purposeOf(text: string): Purpose | undefined {
  return purposes.find((purpose) => purpose === text)
}
