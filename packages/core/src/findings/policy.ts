import { evictsAnything, isLimited, keyTotals } from './facts.ts'
import { formatCount, formatShare } from './format.ts'
import { policyFor, setting } from './remedies.ts'
import { lines, type Rules, ratio } from './rule.ts'
import * as thresholds from './thresholds.ts'

const filling = (fill: number | undefined) => fill !== undefined && fill > thresholds.fillWarning
const fillLine = (fill: number | undefined) => fill !== undefined && `${formatShare(fill)} full`

export const policyRules: Rules<
  'policy-noeviction-on-cache' | 'policy-volatile-no-ttl' | 'policy-eviction-on-sessions' | 'policy-eviction-on-queue'
> = {
  'policy-noeviction-on-cache': (evidence) => {
    const { purpose, vitals, fill } = evidence
    if (purpose !== 'cache' || vitals.memory.policy !== 'noeviction') return undefined
    return {
      severity: filling(fill) ? 'critical' : 'warning',
      title: 'A cache that may not evict: the policy is noeviction',
      evidence: lines('maxmemory_policy is noeviction', fillLine(fill)),
      why: isLimited(evidence)
        ? 'Once it is full Redis refuses every write instead of making room. Each refused fill is another query to the source, for as long as nobody deletes keys.'
        : 'Nothing ever makes room: memory only grows, up to whatever limit comes first, and that is the one at which the kernel kills Redis.',
      remedy: setting(
        evidence,
        'Let a cache throw away what was not used for long. Not where sessions or jobs share this Redis: they would be evicted too (look again with --purpose session or queue).',
        { 'maxmemory-policy': policyFor(evidence) },
      ),
    }
  },

  'policy-volatile-no-ttl': (evidence) => {
    const { purpose, vitals, fill } = evidence
    const { policy } = vitals.memory
    const totals = keyTotals(evidence)
    if (purpose === 'queue' || policy?.startsWith('volatile-') !== true || totals === undefined) return undefined
    const expiring = totals.keys - totals.withoutTtl
    const share = ratio(expiring, totals.keys)
    if (share === undefined || share >= thresholds.volatileShare) return undefined
    const none = expiring <= 0
    const remedy =
      purpose === 'cache'
        ? setting(evidence, 'Let the policy look at all keys.', { 'maxmemory-policy': 'allkeys-lru' })
        : {
            say: 'Give every session a TTL where it is written, in the same command (SET with EX). For those that are there, EXPIRE with NX (Redis 7.0) leaves the TTLs alone that exist.',
            redisCli: [],
          }
    return {
      severity: none && filling(fill) ? 'critical' : 'warning',
      title: none
        ? `The policy ${policy} has nothing to evict: no key has a TTL`
        : `The policy ${policy} has next to nothing to evict`,
      evidence: lines(
        `maxmemory_policy is ${policy}, which evicts keys with a TTL only`,
        `${formatCount(expiring)} of ${formatCount(totals.keys)} keys (${formatShare(share)}) have one`,
        fillLine(fill),
      ),
      why: 'Without keys that may be evicted a volatile policy is noeviction: the few that have a TTL go first, then every write is refused.',
      remedy,
    }
  },

  'policy-eviction-on-sessions': (evidence) => {
    const { purpose, vitals, fill, trend } = evidence
    if (purpose !== 'session' || !evictsAnything(evidence) || !isLimited(evidence)) return undefined
    const evicted = trend?.evictedKeys ?? 0
    return {
      severity: evicted > 0 || filling(fill) ? 'critical' : 'warning',
      title: `Redis may log people out: the policy is ${vitals.memory.policy}`,
      evidence: lines(
        `maxmemory_policy is ${vitals.memory.policy}`,
        fillLine(fill),
        evicted > 0 && `${formatCount(evicted)} keys were evicted within the window`,
      ),
      why: 'When memory runs short Redis throws away any key: sessions of people who are here, and the index by which a user is logged out everywhere.',
      remedy: setting(
        evidence,
        'Let the sessions go first that would end next, which the longest idle ones are, and keep caches on another Redis. With noeviction nobody is logged out, and logins are refused while it is full.',
        { 'maxmemory-policy': 'volatile-ttl' },
      ),
    }
  },

  'policy-eviction-on-queue': (evidence) => {
    const { purpose, vitals, fill, trend } = evidence
    const { policy } = vitals.memory
    if (purpose !== 'queue' || policy === undefined || !isLimited(evidence)) return undefined
    if (!evictsAnything(evidence) && !policy.startsWith('volatile-')) return undefined
    const evicted = trend?.evictedKeys ?? 0
    return {
      severity: evicted > 0 || filling(fill) ? 'critical' : 'warning',
      title: `A queue that may lose jobs: the policy is ${policy}`,
      evidence: lines(
        `maxmemory_policy is ${policy}`,
        fillLine(fill),
        evicted > 0 && `${formatCount(evicted)} keys were evicted within the window`,
      ),
      why: 'When memory runs short Redis throws jobs, locks or whole queues away, and nobody is told.',
      remedy: setting(evidence, 'A queue wants refused writes, which its producers notice, and a Redis of its own.', {
        'maxmemory-policy': 'noeviction',
      }),
    }
  },
}
