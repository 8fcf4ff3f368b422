import { bytesOf } from './facts.ts'
import { formatCount, formatShare } from './format.ts'
import { advice } from './remedies.ts'
import { lines, type Rules, ratio } from './rule.ts'
import * as thresholds from './thresholds.ts'

export const clientRules: Rules<
  'hit-rate-low' | 'stampede' | 'no-negative-ttl' | 'local-cache-unbounded' | 'namespace-over-budget'
> = {
  'hit-rate-low': ({ client, trend, purpose }) => {
    if (purpose === 'queue') return undefined
    const said =
      client === undefined
        ? serverHits(trend)
        : client.namespaces.flatMap(({ namespace, hitRatio, lookupsPerSecond }) =>
            hitRatio !== undefined && hitRatio < thresholds.hitRatio && lookupsPerSecond > thresholds.hitRatioLookups
              ? `${namespace}: ${formatShare(hitRatio)} of ${formatCount(lookupsPerSecond)} lookups a second`
              : [],
          )
    if (said.length === 0) return undefined
    return {
      severity: 'warning',
      title: `Fewer than ${formatShare(thresholds.hitRatio)} of the lookups are answered by the cache`,
      evidence: said,
      why: 'Each miss is a load of the source. At ten times the traffic it is ten times as many, and that is when the source gives in.',
      remedy: advice(
        'See whether keys are too fine (a key for each user where all see the same), TTLs too short, or entries evicted too early.',
      ),
    }
  },

  stampede: ({ client, trend }) => {
    const factor = ratio(client?.loadsPerSecond, client?.usualLoadsPerSecond)
    if (client === undefined || factor === undefined || factor <= thresholds.stampedeFactor) return undefined
    if (client.loadsPerSecond <= thresholds.stampedeLoads) return undefined
    // Refused fills have their own finding, and their own remedy.
    if (client.refusal === 'oom' || (trend?.oomErrors ?? 0) > 0) return undefined
    return {
      severity: 'warning',
      title: `The source gets ${formatCount(factor)} times the usual loads`,
      evidence: lines(
        `${formatCount(client.loadsPerSecond)} loads a second, usually ${formatCount(client.usualLoadsPerSecond ?? 0)}`,
        trend !== undefined && trend.evictedKeys > 0 && `${formatCount(trend.evictedKeys)} keys were evicted`,
      ),
      why: 'Much was lost or expired at once and is being loaded again. Each key is loaded once at a time, but there are many keys.',
      remedy: advice(
        'Give entries a staleWhileRevalidate and ttlJitter so that they do not end together, bound the source (source.concurrency), and warm the cache before a rush.',
      ),
    }
  },

  'no-negative-ttl': ({ client }) => {
    const without = (client?.namespaces ?? []).filter(({ negativeTtlMilliseconds }) => negativeTtlMilliseconds <= 0)
    if (without.length === 0) return undefined
    return {
      severity: 'info',
      title: 'What the source does not have is asked for every time',
      evidence: [`negativeTtl is 0: ${without.map(({ namespace }) => namespace).join(', ')}`],
      why: 'Somebody who asks for keys that do not exist, by mistake or on purpose, goes to the source with every request.',
      remedy: advice("Remember it for some seconds: negativeTtl: '10s'."),
    }
  },

  'local-cache-unbounded': ({ client }) => {
    if (client?.localBounded !== false) return undefined
    return {
      severity: 'warning',
      title: 'The local tier has no bound',
      evidence: ['no bound in bytes is set for what this process keeps'],
      why: 'It grows with the number of distinct keys until the container of the service is killed, and the other pods take its load.',
      remedy: advice("Set local.maxBytes, for instance '64Mi'."),
    }
  },

  'namespace-over-budget': ({ client }) => {
    const over = (client?.namespaces ?? []).filter(({ bytes, budget }) => budget !== undefined && bytes > budget)
    if (over.length === 0) return undefined
    return {
      severity: 'warning',
      title: `${over.map(({ namespace }) => namespace).join(', ')}: more in Redis than the budget allows`,
      evidence: over.map(({ namespace, bytes, budget = 0 }) => `${namespace}: ${bytesOf(bytes, budget)}`),
      why: 'What one namespace takes beyond its budget is missing for the others when Redis fills up.',
      remedy: advice('Shorten its ttl, store less in each entry, or give it a larger budget or a Redis of its own.'),
    }
  },
}

/** Less sure than what clients count: all caches, and TTL, TYPE and EXISTS, are in these numbers. */
function serverHits(trend: { seconds: number; keyspaceHits: number; keyspaceMisses: number } | undefined): string[] {
  if (trend === undefined) return []
  const lookups = trend.keyspaceHits + trend.keyspaceMisses
  const share = ratio(trend.keyspaceHits, lookups)
  const perSecond = ratio(lookups, trend.seconds)
  if (share === undefined || perSecond === undefined) return []
  if (share >= thresholds.hitRatio || perSecond <= thresholds.hitRatioLookups) return []
  return [`${formatShare(share)} of ${formatCount(perSecond)} lookups a second, as the server counts them`]
}
