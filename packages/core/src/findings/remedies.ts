import type { Evidence } from './evidence.ts'
import { containerLimit, evictsAnything, isEphemeral } from './facts.ts'
import type { Remedy } from './finding.ts'
import { formatKubernetesSize, formatRedisSize } from './format.ts'
import { sizingFor } from './sizing.ts'

/** What redis.conf calls them. */
export type Directives = Readonly<Record<string, string>>

/** CONFIG SET does not exist there; the settings have another place. */
const managed = {
  elasticache: 'in the parameter group of ElastiCache (CONFIG SET is not available there)',
  memorystore: 'in the configuration of the Memorystore instance (CONFIG SET is not available there)',
  azure: 'in the advanced settings of the Azure cache (CONFIG SET is not available there)',
} as const

export function managedPlace({ vitals }: Evidence): string | undefined {
  return vitals.provider === 'unknown' ? undefined : managed[vitals.provider]
}

/** A piece of values.yaml for Bitnami's chart: directives of its redis.conf, and its container's limit. */
export function helmValues({ vitals }: Pick<Evidence, 'vitals'>, directives: Directives, limit?: number): string {
  const entries = Object.entries(directives)
  const configuration =
    entries.length === 0 ? [] : ['  configuration: |-', ...entries.map((entry) => `    ${entry.join(' ')}`)]
  const size = limit === undefined ? undefined : formatKubernetesSize(limit)
  const resources = size && [
    '  resources:',
    '    requests:',
    `      memory: ${size}`,
    '    limits:',
    `      memory: ${size}`,
  ]
  return [vitals.role === 'replica' ? 'replica:' : 'master:', ...configuration, ...(resources || [])].join('\n')
}

/** Says it, then how: CONFIG SET now and values for the next start, or where a managed service keeps it. */
export function setting(evidence: Evidence, say: string, directives: Directives, limit?: number): Remedy {
  const place = managedPlace(evidence)
  if (place !== undefined) {
    const entries = Object.entries(directives).map(([name, value]) => `${name} ${value}`)
    return { say: `${say} Set ${entries.join(', ')} ${place}.`, redisCli: [] }
  }
  const denied = evidence.settings?.denied === true ? ' CONFIG is denied to this user: another must run it.' : ''
  return {
    say: `${say} CONFIG SET works at once but is lost at the next start: put it into redis.conf or the chart as well.${denied}`,
    redisCli: Object.entries(directives).map(([name, value]) => `redis-cli CONFIG SET ${name} ${value}`),
    helm: helmValues(evidence, directives, limit),
  }
}

/** What is kept decides what may be thrown away. */
export function policyFor(evidence: Evidence): string {
  if (evidence.purpose === 'queue') return 'noeviction'
  const present = evidence.vitals.memory.policy
  if (present !== undefined && evictsAnything(evidence)) return present
  return evidence.purpose === 'session' ? 'volatile-ttl' : 'allkeys-lru'
}

/** A limit below the container's, with the policy that goes with the purpose, sized by what is used. */
export function limitAndPolicy(evidence: Evidence, say: string): Remedy {
  const sizing = sizingFor(evidence)
  const policy = policyFor(evidence)
  if (sizing === undefined) return setting(evidence, say, { 'maxmemory-policy': policy })
  const { maxmemory, limit } = sizing
  const present = containerLimit(evidence)
  const container =
    managedPlace(evidence) !== undefined
      ? ''
      : present !== undefined && limit <= present
        ? ` That leaves room below the container limit of ${formatKubernetesSize(present)}.`
        : ` ${containerFirst(evidence, present, limit)}`
  return setting(
    evidence,
    `${say}${container}`,
    { maxmemory: formatRedisSize(maxmemory), 'maxmemory-policy': policy },
    limit,
  )
}

/** Redis cannot know its container's limit: nobody must lower one that is larger, nor be killed for one that is smaller. */
function containerFirst(evidence: Evidence, present: number | undefined, limit: number): string {
  const size = formatKubernetesSize(limit)
  const first =
    present === undefined
      ? `Sized by what Redis uses now or died with, with room to grow: its container needs at least ${size}; give a smaller one that first, and leave a larger one as it is.`
      : `Raise the container limit to ${size} first, or what Redis needs will not fit with room to grow.`
  return isEphemeral(evidence) === true
    ? `${first} A new limit usually restarts Redis, and it comes back empty.`
    : first
}

/** Something to do elsewhere; commands, if any, only look. */
export function advice(say: string, ...redisCli: readonly string[]): Remedy {
  return { say, redisCli }
}
