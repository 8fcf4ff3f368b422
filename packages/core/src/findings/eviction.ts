import { evictsAnything, isLimited } from './facts.ts'
import { formatBytes, formatCount, formatSeconds, formatShare } from './format.ts'
import { limitAndPolicy } from './remedies.ts'
import { graded, lines, type Rules } from './rule.ts'
import * as thresholds from './thresholds.ts'

const causes = {
  eviction: 'evicted',
  restart: 'lost in a restart',
  flush: 'deleted by a flush',
  unknown: 'gone for an unknown reason',
} as const

export const evictionRules: Rules<
  'mass-eviction' | 'eviction-rate-high' | 'eviction-pressure-time' | 'early-expiration'
> = {
  'mass-eviction': (evidence) => {
    const { trend, vitals } = evidence
    const severity = graded(trend?.evictedShare, thresholds.evictedShareWarning, thresholds.evictedShareCritical)
    if (trend === undefined || severity === undefined) return undefined
    const buffers = vitals.memory.clientsNormal
    return {
      severity,
      title: `${formatShare(trend.evictedShare)} of all keys were evicted within ${formatSeconds(trend.seconds)}`,
      evidence: lines(
        `${formatCount(trend.evictedKeys)} keys evicted, at most ${formatCount(trend.evictedPerSecondPeak)} a second`,
        trend.evictionAgeSeconds !== undefined &&
          Number.isFinite(trend.evictionAgeSeconds) &&
          `at this rate a key lives for ${formatSeconds(trend.evictionAgeSeconds)}`,
        buffers !== undefined && `buffers of clients hold ${formatBytes(buffers)}`,
      ),
      why: 'What was evicted must be loaded again. When a rush of visitors comes next, it meets a cold cache and goes to the source.',
      remedy: limitAndPolicy(evidence, 'Give the cache more room, and warm it before a rush is due.'),
    }
  },

  'eviction-rate-high': (evidence) => {
    const { trend } = evidence
    if (trend === undefined || trend.seconds < thresholds.evictionSeconds) return undefined
    if (trend.evictedPerSecond <= thresholds.evictedPerSecond) return undefined
    return {
      severity: 'warning',
      title: `Redis evicts ${formatCount(trend.evictedPerSecond)} keys a second`,
      evidence: [
        `${formatCount(trend.evictedKeys)} keys in ${formatSeconds(trend.seconds)}, ${formatShare(trend.evictedShare)} of all`,
      ],
      why: 'More is stored than fits. Keys go before their time, the hit rate falls and the source pays.',
      remedy: limitAndPolicy(evidence, 'Give it more room, or store less: shorter TTLs, smaller values.'),
    }
  },

  'eviction-pressure-time': (evidence) => {
    const { trend, canEvict } = evidence
    if (trend === undefined || trend.evictionExceededShare <= thresholds.evictionExceededShare) return undefined
    // Over maxmemory with nothing to evict is a full Redis, which has findings of its own.
    if (canEvict === false) return undefined
    return {
      severity: 'warning',
      title: 'Eviction cannot keep up with the writes',
      evidence: [
        `memory was over maxmemory for ${formatShare(trend.evictionExceededShare)} of the last ${formatSeconds(trend.seconds)}`,
      ],
      why: 'While memory is over maxmemory each write waits for evictions, and is refused when they do not suffice.',
      remedy: limitAndPolicy(evidence, 'Give it more room, or write less at a time: smaller values, fewer at once.'),
    }
  },

  'early-expiration': (evidence) => {
    const { client, purpose } = evidence
    if (client === undefined) return undefined
    const lost = Object.entries(client.earlyExpirations).filter(([, count]) => count > 0)
    if (lost.length === 0) return undefined
    const total = lost.reduce((sum, [, count]) => sum + count, 0)
    const { eviction, restart } = client.earlyExpirations
    // A full cache evicts by design; whether too much is what mass-eviction judges.
    const byDesign = purpose === 'cache' && evictsAnything(evidence) && isLimited(evidence) && eviction === total
    const harms = purpose === 'session' && eviction + restart > 0
    return {
      severity: byDesign ? 'info' : harms ? 'critical' : 'warning',
      title: `${formatCount(total)} keys of this process were gone before their time`,
      evidence: lost.map(([cause, count]) => `${formatCount(count)} ${causes[cause as keyof typeof causes]}`),
      why:
        purpose === 'session'
          ? 'Each of them is a visitor who was logged out or whose cart is empty.'
          : 'Each of them is loaded from the source again, earlier than planned.',
      remedy:
        eviction > 0 || restart > 0
          ? limitAndPolicy(evidence, 'Give Redis room enough for the time that keys are to live.')
          : { say: 'Find out who deletes: a FLUSHALL, another service on the same keys, a script.', redisCli: [] },
    }
  },
}
