import type { Evidence } from '../findings/evidence.ts'
import { formatBytes, formatCount, formatOf, formatSeconds, formatShare } from '../findings/format.ts'
import { bar } from './terminal.ts'

export interface Fact {
  readonly name: string
  readonly text: string
}

const barCells = 24
const sources = {
  maxmemory: 'maxmemory',
  declared: 'the container’s limit',
  learned: 'a limit learned from kills',
} as const

/** What a node is and how it fares, a line each. */
export function factsOf(evidence: Evidence): Fact[] {
  const facts = [
    { name: 'server', text: serverOf(evidence) },
    { name: 'memory', text: memoryOf(evidence) },
    { name: 'keys', text: keysOf(evidence) },
    { name: 'clients', text: clientsOf(evidence) },
    { name: 'commands', text: commandsOf(evidence) },
  ]
  return facts.filter(({ text }) => text !== '')
}

function serverOf({ vitals }: Evidence): string {
  const { engine, version, role, deployment, provider, uptimeSeconds } = vitals
  const name = engine === 'valkey' ? 'Valkey' : 'Redis'
  return listed([
    version === undefined ? name : `${name} ${version}`,
    deployment,
    role,
    provider === 'unknown' ? undefined : provider,
    uptimeSeconds === undefined ? undefined : `up ${formatSeconds(uptimeSeconds)}`,
    vitals.loading ? 'loading its data' : undefined,
  ])
}

function memoryOf({ vitals: { memory }, line, fill }: Evidence): string {
  const used = memory.used === undefined ? undefined : formatBytes(memory.used)
  if (line === undefined || fill === undefined) {
    const limit = memory.max === 0 ? 'no limit' : undefined
    return listed([used === undefined ? undefined : `${used} used`, limit, memory.policy])
  }
  const of = `${used ?? formatBytes(fill * line.bytes)} of ${formatBytes(line.bytes)}`
  const gauge = `${bar(fill, barCells)} ${formatShare(fill)}`
  return listed([
    `${gauge}, ${of} (${sources[line.source]})`,
    memory.max === 0 ? 'no maxmemory' : undefined,
    memory.policy,
  ])
}

function keysOf({ vitals, trend, sample }: Evidence): string {
  const { keyspace } = vitals
  const keys = keyspace?.reduce((sum, one) => sum + one.keys, 0) ?? vitals.keys
  if (keys === undefined) return ''
  const expiring = keyspace?.reduce((sum, one) => sum + one.expiring, 0)
  const filled = keyspace?.filter((one) => one.keys > 0).length ?? 0
  const evicted = trend?.evictedPerSecond ?? 0
  const heaviest = [...(sample?.prefixes ?? [])].sort((one, other) => other.bytes - one.bytes)[0]
  return listed([
    formatOf(keys, 'key'),
    filled > 1 ? `in ${filled} databases` : undefined,
    expiring === undefined || keys === 0 ? undefined : `${formatShare(expiring / keys)} with a TTL`,
    evicted > 0 ? `${formatCount(evicted)} evicted/s` : undefined,
    heaviest === undefined || sample === undefined || sample.bytes === 0
      ? undefined
      : `${heaviest.prefix} holds ${formatShare(heaviest.bytes / sample.bytes)} of the sampled bytes`,
  ])
}

function clientsOf({ vitals: { clients } }: Evidence): string {
  if (clients.connected === undefined) return ''
  const most = clients.max === undefined || clients.max === 0 ? undefined : clients.max
  return listed([
    most === undefined
      ? formatOf(clients.connected, 'client')
      : `${formatCount(clients.connected)} of ${formatOf(most, 'client')} (${formatShare(clients.connected / most)})`,
    clients.blocked === undefined || clients.blocked === 0 ? undefined : `${formatCount(clients.blocked)} blocked`,
  ])
}

/** Those that take the most time, which is what one thread has least of. */
function commandsOf({ commands }: Evidence): string {
  const all = commands?.reduce((sum, { microseconds }) => sum + microseconds, 0) ?? 0
  if (commands === undefined || all === 0) return ''
  const first = [...commands].sort((one, other) => other.microseconds - one.microseconds).slice(0, 3)
  const shares = first.map(({ command, microseconds }) => `${command} ${formatShare(microseconds / all)}`)
  return `of the time spent since the start: ${shares.join(', ')}`
}

function listed(parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== '').join(', ')
}
