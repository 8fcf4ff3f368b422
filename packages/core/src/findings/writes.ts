import { keysOf } from '../pressure/looks.ts'
import type { Evidence } from './evidence.ts'
import { isEphemeral } from './facts.ts'
import { formatBytes, formatCount, formatSeconds, formatShare } from './format.ts'
import { advice, limitAndPolicy } from './remedies.ts'
import { lines, type Rules, ratio } from './rule.ts'
import * as thresholds from './thresholds.ts'

export const writeRules: Rules<
  'oom-rejecting-writes' | 'oom-refill-loop' | 'persistence-blocking-writes' | 'readonly-endpoint'
> = {
  'oom-rejecting-writes': (evidence) => {
    const { client, trend, vitals, log, fill, canEvict } = evidence
    const over = vitals.totals.evictionExceededNowMilliseconds ?? 0
    const looks = trend?.evictionExceededLooks ?? 0
    // Behind with its evictions it still takes writes, as long as there are keys to evict.
    const evicts = canEvict === true && keysOf(vitals) !== 0
    const refusesNow =
      client?.refusal === 'oom' ||
      (trend?.oomErrors ?? 0) > 0 ||
      (looks >= thresholds.evictionExceededLooks && !evicts) ||
      // Redis starts this clock with the first refused write; an eviction under way would have keys to evict.
      (over > 0 && canEvict === false)
    // Without a second look nobody knows when it was.
    const sinceStart = trend === undefined ? (vitals.errors?.['OOM'] ?? 0) : 0
    const logged = log?.oomRefusals ?? 0
    if (!refusesNow && sinceStart === 0 && logged === 0) return undefined
    return {
      severity: refusesNow ? 'critical' : canEvict === false ? 'warning' : 'info',
      title: refusesNow ? 'Redis is full and refuses writes' : 'Redis was full and refused writes',
      evidence: lines(
        client?.refusal === 'oom' && `${formatCount(client.refusedWrites)} writes of this process were refused`,
        trend !== undefined &&
          trend.oomErrors > 0 &&
          `${formatCount(trend.oomErrors)} writes of all clients within ${formatSeconds(trend.seconds)} (errorstat_OOM)`,
        over > 0 && `over maxmemory for ${formatSeconds(over / 1_000)} without an end`,
        looks >= thresholds.evictionExceededLooks && `${formatCount(looks)} looks in a row found it over maxmemory`,
        sinceStart > 0 && `${formatCount(sinceStart)} writes refused since Redis started (errorstat_OOM)`,
        logged > 0 && `${formatCount(logged)} refusals in the log`,
        vitals.memory.policy !== undefined && `maxmemory_policy is ${vitals.memory.policy}`,
        fill !== undefined && `${formatShare(fill)} full`,
        vitals.memory.clientsNormal !== undefined &&
          `buffers of clients hold ${formatBytes(vitals.memory.clientsNormal)}`,
      ),
      why: 'Reads, deletes and longer TTLs still work, but nothing new is stored: no session, no fill, no lock.',
      remedy: limitAndPolicy(
        evidence,
        'Make room at once: raise maxmemory, or delete what is not needed with UNLINK (by SCAN, never by KEYS).',
      ),
    }
  },

  'oom-refill-loop': (evidence) => {
    const { client, trend } = evidence
    const refuses = client?.refusal === 'oom' || (trend?.oomErrors ?? 0) > 0
    const factor = ratio(client?.loadsPerSecond, client?.usualLoadsPerSecond)
    if (!refuses || client === undefined || factor === undefined || factor <= thresholds.refillFactor) return undefined
    return {
      severity: 'critical',
      title: 'The cache does not fill: every miss goes to the source, and its fill is refused',
      evidence: lines(
        `${formatCount(client.loadsPerSecond)} loads a second, ${formatCount(factor)} times the usual`,
        client.refusedWrites > 0 && `${formatCount(client.refusedWrites)} writes refused`,
      ),
      why: 'A refused fill is a miss again the next time. The source gets all the traffic that the cache was there to keep away.',
      remedy: limitAndPolicy(evidence, 'Let Redis take fills again: an eviction policy, or more memory.'),
    }
  },

  'persistence-blocking-writes': (evidence) => {
    const { client, trend, vitals, log } = evidence
    const { lastSaveFailed, lastAppendFailed } = vitals.persistence
    const sinceStart = vitals.errors?.['MISCONF'] ?? 0
    const mayBlock = mayBlockWrites(evidence)
    const refusesNow = refusesForPersistence(evidence)
    const logged = log?.misconf ?? 0
    if (!refusesNow && logged === 0 && !mayBlock) return undefined
    return {
      severity: refusesNow ? 'critical' : 'warning',
      title: refusesNow
        ? 'Redis cannot persist and refuses writes (MISCONF)'
        : mayBlock
          ? 'Redis cannot persist, and may refuse writes for it'
          : 'Redis could not persist and refused writes (MISCONF)',
      evidence: lines(
        client?.refusal === 'misconf' && `${formatCount(client.refusedWrites)} writes of this process were refused`,
        trend !== undefined &&
          trend.misconfErrors > 0 &&
          `${formatCount(trend.misconfErrors)} writes within ${formatSeconds(trend.seconds)} (errorstat_MISCONF)`,
        (trend === undefined || mayBlock) &&
          sinceStart > 0 &&
          `${formatCount(sinceStart)} writes refused since Redis started (errorstat_MISCONF)`,
        lastSaveFailed === true && 'the last snapshot failed',
        lastAppendFailed === true && 'the last write to the AOF failed',
        logged > 0 && `${formatCount(logged)} times in the log`,
      ),
      why: 'Until a snapshot succeeds Redis refuses every write, deletes and longer TTLs too.',
      remedy:
        isEphemeral(evidence) === true
          ? advice('Look at the log of Redis for the reason: disk full, no rights, no memory to fork.')
          : {
              say: 'Look at the log of Redis for the reason: disk full, no rights, no memory to fork. Where nothing needs to survive, switch snapshots off.',
              redisCli: ['redis-cli INFO persistence', 'redis-cli BGSAVE'],
            },
    }
  },

  'readonly-endpoint': ({ client, vitals, trend }) => {
    const refused = trend === undefined ? (vitals.errors?.['READONLY'] ?? 0) : 0
    const refusesNow = client?.refusal === 'readonly' || (vitals.role === 'replica' && refused > 0)
    if (!refusesNow && vitals.role !== 'replica') return undefined
    return {
      severity: refusesNow ? 'critical' : 'warning',
      title: 'This is a replica: it takes no writes',
      evidence: lines(
        vitals.role === 'replica' && 'role is replica',
        client?.refusal === 'readonly' && `${formatCount(client.refusedWrites)} writes of this process were refused`,
        refused > 0 && `${formatCount(refused)} writes refused since it started (errorstat_READONLY)`,
      ),
      why: 'After a failover, or with the reader endpoint where the primary belongs, every write fails with READONLY while reads look well.',
      remedy: advice(
        'Use the endpoint of the primary, or Sentinel or cluster addresses, which follow a failover.',
        'redis-cli ROLE',
      ),
    }
  },
}

/** Whether Redis refuses writes because it cannot persist, as far as can be seen. */
export function refusesForPersistence(evidence: Evidence): boolean {
  const { client, trend, vitals } = evidence
  const { lastSaveFailed, lastAppendFailed } = vitals.persistence
  const failing = lastSaveFailed === true || lastAppendFailed === true
  const sinceStart = vitals.errors?.['MISCONF'] ?? 0
  return (
    client?.refusal === 'misconf' ||
    (trend?.misconfErrors ?? 0) > 0 ||
    (trend === undefined && sinceStart > 0 && failing) ||
    // Nobody may have written since the look before, and the next who does is refused again.
    (sinceStart > 0 && mayBlockWrites(evidence))
  )
}

/** With `save ""` a failed snapshot blocks nothing: writeCommandsDeniedByDiskError asks for save points. */
function mayBlockWrites({ vitals: { persistence }, settings }: Evidence): boolean {
  const { lastSaveFailed, lastAppendFailed } = persistence
  return lastAppendFailed === true || (lastSaveFailed === true && settings?.save !== undefined && settings.save !== '')
}
