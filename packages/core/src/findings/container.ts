import {
  bytesOf,
  containerLimit,
  copyOnWrite,
  isLimited,
  killedBefore,
  killedExitCode,
  memoryHolders,
} from './facts.ts'
import { formatBytes, formatKubernetesSize, formatOf, formatShare } from './format.ts'
import { advice, helmValues, limitAndPolicy, managedPlace } from './remedies.ts'
import { graded, lines, type Rules, ratio } from './rule.ts'
import { limitOver, usualSizeFor } from './sizing.ts'
import * as thresholds from './thresholds.ts'

export const containerRules: Rules<
  | 'container-oom-kill-suspected'
  | 'container-limit-too-close'
  | 'learned-memory-line'
  | 'copy-on-write'
  | 'app-memory-tight'
> = {
  'container-oom-kill-suspected': (evidence) => {
    const kills = evidence.restarts?.filter((restart) => restart.cause === 'oom-kill') ?? []
    const killed = killedBefore(evidence)
    if (kills.length === 0 && !killed) return undefined
    const restarts = evidence.pod?.restarts
    const { reason, exitCode } = evidence.pod?.lastState ?? {}
    const often =
      kills.length >= thresholds.oomKillsCritical ||
      (killed && restarts !== undefined && restarts >= thresholds.oomKillsCritical)
    const sizes = kills.flatMap(({ rss, used }) => rss ?? used ?? []).map(formatBytes)
    const limit = containerLimit(evidence)
    return {
      severity: often ? 'critical' : 'warning',
      title: killed
        ? 'The kernel killed Redis for its memory'
        : 'Redis died as if the kernel had killed it for its memory',
      evidence: lines(
        kills.length > 0 &&
          `${formatOf(kills.length, 'death')} within the hour with memory growing and nothing evicted`,
        sizes.length > 0 && `last seen at ${sizes.join(', ')}`,
        killed &&
          `the pod's last state: ${[reason, exitCode === undefined ? undefined : `exit code ${exitCode}`].filter((part) => part !== undefined).join(', ')}`,
        restarts !== undefined && `${formatOf(restarts, 'restart')} of the pod`,
        limit !== undefined && `the container may have ${formatBytes(limit)}`,
        reason !== 'OOMKilled' &&
          exitCode === killedExitCode &&
          'exit code 137 alone can be a liveness probe too: look at the events of the pod',
      ),
      why: 'A killed Redis answers nothing while it starts and has forgotten everything that it did not persist. Clients refill it, it grows to the same size, and dies again.',
      remedy: limitAndPolicy(evidence, 'Keep Redis below the limit of its container.'),
    }
  },

  'container-limit-too-close': (evidence) => {
    const { max, rss, used, totalSystem } = evidence.vitals.memory
    const limit = containerLimit(evidence)
    const advised = limitOver(evidence)
    if (limit === undefined) {
      const share = max === undefined || max === 0 ? undefined : ratio(max, totalSystem)
      if (max === undefined || totalSystem === undefined || share === undefined || share <= thresholds.machineShare) {
        return undefined
      }
      return {
        severity: 'warning',
        title: 'maxmemory leaves the machine no room',
        evidence: [`maxmemory is ${bytesOf(max, totalSystem)} that the machine has`],
        why: 'Buffers, fragmentation and the copy for a fork come on top of maxmemory: the machine runs out of memory before Redis says that it is full.',
        remedy: advice('Leave a quarter of the memory to all that maxmemory does not count.', 'redis-cli INFO memory'),
      }
    }
    const resident = rss ?? used
    const shares = [isLimited(evidence) ? ratio(max, limit) : undefined, ratio(resident, limit)]
    const share = Math.max(...shares.map((one) => one ?? 0))
    const severity = graded(share, thresholds.containerShareWarning, thresholds.containerShareCritical)
    if (severity === undefined) return undefined
    const copied = copyOnWrite(evidence)
    const wanted = advised === undefined ? undefined : Math.max(advised, limit)
    const raise = isLimited(evidence) && wanted !== undefined && wanted > limit
    return {
      severity,
      title: `The container limit of ${formatBytes(limit)} is too close`,
      evidence: lines(
        isLimited(evidence) && max !== undefined && `maxmemory ${bytesOf(max, limit)}`,
        rss !== undefined && `resident ${bytesOf(rss, limit)}`,
        used !== undefined && `used ${bytesOf(used, limit)}`,
        copied !== undefined && copied > 0 && `a fork copied ${formatBytes(copied)}`,
        memoryHolders(evidence),
      ),
      why: 'Buffers of clients, fragmentation and the copy for a fork come on top of what maxmemory counts. A burst of reconnecting clients can be enough for the kernel to kill Redis.',
      remedy: raise
        ? {
            say: `Raise the container limit to ${formatKubernetesSize(wanted)}, or lower maxmemory. The limit wants 1.25 times maxmemory, and 1.2 times the resident peak with the copy for a fork.`,
            redisCli: [],
            ...(managedPlace(evidence) === undefined ? { helm: helmValues(evidence, {}, wanted) } : {}),
          }
        : limitAndPolicy(evidence, 'Keep maxmemory at about three quarters of the container limit.'),
    }
  },

  'learned-memory-line': (evidence) => {
    const { learned } = evidence
    if (learned === undefined) return undefined
    const declared = containerLimit(evidence)
    const contradicts = declared !== undefined && learned.bytes < declared * (1 - thresholds.learnedTolerance)
    const known = declared !== undefined && !contradicts
    return {
      severity: contradicts || (!known && learned.confidence !== 'low') ? 'warning' : 'info',
      title: `Redis died ${learned.deaths === 2 ? 'twice' : formatOf(learned.deaths, 'time')} at about ${formatBytes(learned.bytes)}: probably a ${formatKubernetesSize(usualSizeFor(learned.bytes))} container`,
      evidence: lines(
        `${formatOf(learned.deaths, 'death')} at one size, confidence ${learned.confidence}`,
        declared !== undefined && `${formatBytes(declared)} were declared`,
      ),
      why: contradicts
        ? 'Redis dies well before the limit that was declared: the declaration is wrong, or something else in the container takes the rest.'
        : 'Nobody told this process the limit of the container. It takes this size for it and begins to shed writes below it.',
      remedy: {
        ...limitAndPolicy(
          evidence,
          `Declare the limit with memoryLimit (for instance '${formatKubernetesSize(usualSizeFor(learned.bytes))}'), and give Redis a maxmemory below it.`,
        ),
      },
    }
  },

  'copy-on-write': (evidence) => {
    const copied = copyOnWrite(evidence)
    const { rss } = evidence.vitals.memory
    const declared = containerLimit(evidence)
    const limit = declared ?? evidence.vitals.memory.totalSystem
    if (copied === undefined || copied === 0 || rss === undefined || limit === undefined) return undefined
    const share = ratio(rss + copied, limit)
    const severity = graded(share, thresholds.copyOnWriteWarning, thresholds.copyOnWriteCritical)
    if (severity === undefined || share === undefined) return undefined
    const wanted = usualSizeFor(rss * thresholds.limitOverResident + copied)
    return {
      severity,
      title: `A fork takes Redis to ${formatShare(share)} of its memory`,
      evidence: [
        `resident ${formatBytes(rss)} and ${formatBytes(copied)} copied while a fork ran, of ${formatBytes(limit)} ${declared === undefined ? 'of the machine' : 'of the container'}`,
      ],
      why: 'While a snapshot or a rewrite of the AOF runs, every page that is written exists twice. With many writes the worst case is twice the memory.',
      remedy: {
        say: `Give it ${formatKubernetesSize(wanted)}, write snapshots at quiet hours, or leave them to a replica.`,
        redisCli: ['redis-cli INFO persistence'],
        ...(managedPlace(evidence) === undefined ? { helm: helmValues(evidence, {}, wanted) } : {}),
      },
    }
  },

  'app-memory-tight': ({ client }) => {
    const { rss, limit } = client?.process ?? {}
    const share = ratio(rss, limit)
    const severity = graded(share, thresholds.processShareWarning, thresholds.processShareCritical)
    if (rss === undefined || limit === undefined || share === undefined || severity === undefined) return undefined
    return {
      severity,
      title: 'This process is close to the memory limit of its own container',
      evidence: [`resident ${bytesOf(rss, limit)}`],
      why: 'When the kernel kills one process of the service, the others take its load and its memory, and fall one after the other.',
      remedy: advice(
        `Lower local.maxBytes, look for maps that only grow, or give the container ${formatKubernetesSize(usualSizeFor(rss / thresholds.processShareWarning))}.`,
      ),
    }
  },
}
