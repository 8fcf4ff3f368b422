import { connectionRules } from './connections.ts'
import { evictionRules } from './eviction.ts'
import type { Evidence } from './evidence.ts'
import { evictsAnything, explainedByPeak, holes, isEphemeral, killedBefore } from './facts.ts'
import { type RedHerring, type RedHerringId, redHerringIds } from './finding.ts'
import { formatBytes, formatCount, formatOf, formatSeconds, formatShare } from './format.ts'
import { ratio } from './rule.ts'
import { serverRules } from './server.ts'
import * as thresholds from './thresholds.ts'
import { writeRules } from './writes.ts'

type Dismissal = Omit<RedHerring, 'id'>

const dismissals: Readonly<Record<RedHerringId, (evidence: Evidence) => Dismissal | undefined>> = {
  'rh-client-count': (evidence) => {
    const { connected, max } = evidence.vitals.clients
    if (connected === undefined || connected <= thresholds.clientsThatLookLikeMany) return undefined
    const share = ratio(connected, max)
    if (max === undefined || share === undefined) return undefined
    if (connectionRules['connections-high'](evidence) || connectionRules['connections-rejected'](evidence))
      return undefined
    return {
      looksLike: `${formatCount(connected)} clients are connected`,
      whyNot: `${formatCount(connected)} of ${formatCount(max)} connections (${formatShare(share)}) are normal for a shared store, and none was turned away.`,
    }
  },

  'rh-no-persistence': (evidence) => {
    if (evidence.purpose !== 'cache' || isEphemeral(evidence) !== true) return undefined
    return {
      looksLike: 'save is "" and appendonly is no: nothing is persisted',
      whyNot:
        'That is right for a cache, whose data can be loaded again. It explains why a restart loses everything, not why Redis restarts.',
    }
  },

  'rh-fork-log': (evidence) => {
    const failures = evidence.log?.forkFailures ?? 0
    const saveFailed = evidence.vitals.persistence.lastSaveFailed === true
    if (failures === 0 && !saveFailed) return undefined
    if (writeRules['persistence-blocking-writes'](evidence)) return undefined
    const ephemeral = isEphemeral(evidence) === true
    const refused = evidence.vitals.errors === undefined ? undefined : (evidence.vitals.errors['MISCONF'] ?? 0)
    if (!ephemeral && (refused !== 0 || failures === 0)) return undefined
    return {
      looksLike:
        failures > 0
          ? `the log says "Can't save in background: fork" ${formatOf(failures, 'time')}`
          : 'rdb_last_bgsave_status is err',
      whyNot: ephemeral
        ? 'Persistence is off (save ""): a snapshot that fails blocks no write. The fork failed because memory was short, which is the thing to look at.'
        : 'No write was refused for it (MISCONF 0). The fork failed because memory was short, which is the thing to look at.',
    }
  },

  'rh-missing-backup': (evidence) => {
    const { changesSinceSave, secondsSinceSave } = evidence.vitals.persistence
    if (evidence.purpose !== 'cache' || isEphemeral(evidence) !== true || !changesSinceSave) return undefined
    return {
      looksLike: `${formatCount(changesSinceSave)} changes since the last snapshot${secondsSinceSave === undefined ? '' : `, ${formatSeconds(secondsSinceSave)} ago`}`,
      whyNot: 'No snapshots are configured, and a cache needs none. Alerts on a missing backup do not fit here.',
    }
  },

  'rh-cpu-limit': (evidence) => {
    const cpu = evidence.pod?.cpuLimit
    // A throttled CPU can be why Redis is slow; it is never why it was killed.
    if (cpu === undefined || serverRules['event-loop-slow'](evidence)) return undefined
    return {
      looksLike: `the CPU limit is only ${cpu}`,
      whyNot: `A CPU limit makes Redis slow, it never kills it${killedBefore(evidence) ? '; this pod was killed for its memory' : ''}.`,
    }
  },

  'rh-full-cache': (evidence) => {
    const { fill, line, purpose } = evidence
    if (purpose !== 'cache' || fill === undefined || fill <= thresholds.fillPlateau || !evictsAnything(evidence))
      return undefined
    if (line?.kills === true) return undefined
    if (writeRules['oom-rejecting-writes'](evidence) || evictionRules['mass-eviction'](evidence)) return undefined
    return {
      looksLike: `Redis is ${formatShare(fill)} full`,
      whyNot: `With ${evidence.vitals.memory.policy} a full cache is the plateau that it was made for. What counts is the share of keys that are evicted${evidence.trend === undefined ? '' : ` (${formatShare(evidence.trend.evictedShare)} within ${formatSeconds(evidence.trend.seconds)})`}, the hit rate, and refused writes.`,
    }
  },

  'rh-frag-small': (evidence) => {
    const { fragmentationRatio, fragmentationBytes, used } = evidence.vitals.memory
    if (fragmentationRatio === undefined || fragmentationRatio <= thresholds.fragmentationRatio) return undefined
    const bytes = holes(evidence)
    const few = fragmentationBytes !== undefined && bytes !== undefined && bytes <= thresholds.fragmentationBytes
    const small = used !== undefined && used <= thresholds.fragmentationUsed
    if (!few && !small) return undefined
    return {
      looksLike: `mem_fragmentation_ratio is ${formatCount(fragmentationRatio)}`,
      whyNot: few
        ? `It is about ${formatBytes(fragmentationBytes)} only: the process itself takes that much.`
        : `Only ${formatBytes(used ?? 0)} are used: the process itself outweighs the data.`,
    }
  },

  'rh-peak': (evidence) => {
    const { used, peak, rss, fragmentationBytes, fragmentationRatio } = evidence.vitals.memory
    if (used === undefined || peak === undefined || rss === undefined || !explainedByPeak(evidence)) return undefined
    if (fragmentationRatio === undefined || fragmentationRatio <= thresholds.fragmentationRatio) return undefined
    if (fragmentationBytes === undefined || fragmentationBytes <= thresholds.fragmentationBytes) return undefined
    return {
      looksLike: `${formatBytes(rss)} resident for ${formatBytes(used)} used`,
      whyNot: `Redis once used ${formatBytes(peak)}, and the allocator keeps the pages for the next time. It is no leak.`,
    }
  },

  'rh-errorstat-err': ({ vitals }) => {
    const errors = vitals.errors?.['ERR'] ?? 0
    const [major = Number.NaN, minor = Number.NaN] = (vitals.version ?? '').split('.').map(Number)
    if (errors === 0 || vitals.engine !== 'redis' || !(major < 7 || (major === 7 && minor < 2))) return undefined
    return {
      looksLike: `${formatCount(errors)} replies were errors (errorstat_ERR)`,
      whyNot:
        'ioredis introduces itself with CLIENT SETINFO twice for each connection, which Redis knows from 7.2 on only. The replies are ignored.',
    }
  },

  'rh-keyspace-hits': ({ trend, client }) => {
    const share = ratio(trend?.keyspaceHits, trend && trend.keyspaceHits + trend.keyspaceMisses)
    if (share === undefined || share < thresholds.hitRatio) return undefined
    const low = client?.namespaces.find(
      ({ hitRatio, lookupsPerSecond }) =>
        hitRatio !== undefined && hitRatio < thresholds.hitRatio && lookupsPerSecond > thresholds.hitRatioLookups,
    )
    if (low?.hitRatio === undefined) return undefined
    return {
      looksLike: `the server counts ${formatShare(share)} hits, so the cache seems well`,
      whyNot: `TTL, TYPE and EXISTS count as hits there, and all caches together. ${low.namespace} gets ${formatShare(low.hitRatio)} of what it asks for.`,
    }
  },
}

/** What was looked at, looks like a cause, and is none; with the reason. Never throws. */
export function redHerrings(evidence: Evidence): RedHerring[] {
  return redHerringIds.flatMap((id): RedHerring[] => {
    const dismissal = dismissals[id](evidence)
    return dismissal === undefined ? [] : [{ id, ...dismissal }]
  })
}
