import type { CommandLoad } from './evidence.ts'
import { formatCount, formatOf, formatSeconds, formatShare } from './format.ts'
import { advice } from './remedies.ts'
import { lines, type Rules, ratio } from './rule.ts'
import * as thresholds from './thresholds.ts'

export const serverRules: Rules<
  'loading' | 'busy-script' | 'many-scripts' | 'event-loop-slow' | 'tracking-table' | 'command-dominant'
> = {
  loading: ({ vitals }) => {
    if (!vitals.loading) return undefined
    return {
      severity: 'warning',
      title: 'Redis is loading its data and answers nothing yet',
      evidence: lines(
        'loading is 1',
        vitals.uptimeSeconds !== undefined && `up for ${formatSeconds(vitals.uptimeSeconds)}`,
      ),
      why: 'Until it is done every command fails with LOADING. Clients that wait for it hang, those that retry pile up.',
      remedy: advice('Wait. Stale values and the source answer meanwhile.', 'redis-cli INFO persistence'),
    }
  },

  'busy-script': ({ client }) => {
    if (client?.busy !== true) return undefined
    return {
      severity: 'critical',
      title: 'A script blocks Redis',
      evidence: ['commands are answered with BUSY'],
      why: 'While it runs nobody else is served. One that has not written can be stopped; one that has must end by itself.',
      remedy: advice(
        'Stop it, find it by SLOWLOG, and make it work in small steps.',
        'redis-cli SCRIPT KILL',
        'redis-cli SLOWLOG GET 10',
      ),
    }
  },

  'many-scripts': ({ vitals }) => {
    const scripts = vitals.memory.cachedScripts
    if (scripts === undefined || scripts <= thresholds.cachedScripts) return undefined
    return {
      severity: 'warning',
      title: `Redis keeps ${formatCount(scripts)} scripts`,
      evidence: [`number_of_cached_scripts is ${formatCount(scripts)}`],
      why: 'Somebody builds scripts out of values. Each is kept (before Redis 7.4 for ever) and compiled once, which takes memory and time.',
      remedy: advice(
        'Pass values as KEYS and ARGV, so that the text of the script stays the same.',
        'redis-cli SCRIPT FLUSH ASYNC',
      ),
    }
  },

  'event-loop-slow': ({ vitals }) => {
    const turn = vitals.totals.eventLoopMicroseconds
    if (turn === undefined || turn <= thresholds.eventLoopMicroseconds) return undefined
    return {
      severity: 'warning',
      title: `One turn of Redis takes ${formatSeconds(turn / 1e6)}`,
      evidence: [`instantaneous_eventloop_duration_usec: ${formatSeconds(turn / 1e6)}`],
      why: 'All clients wait at least that long: for slow commands, for a CPU that is throttled, or for memory that is swapped.',
      remedy: advice('Look at slow commands and at the CPU limit of the container.', 'redis-cli SLOWLOG GET 10'),
    }
  },

  'tracking-table': ({ vitals, settings }) => {
    const { trackedKeys } = vitals.totals
    const most = settings?.trackingTableMaxKeys ?? thresholds.trackingTableDefault
    const share = ratio(trackedKeys, most)
    if (trackedKeys === undefined || share === undefined || share <= thresholds.trackingShare) return undefined
    return {
      severity: 'warning',
      title: 'The table of tracked keys is nearly full',
      evidence: [`${formatCount(trackedKeys)} of ${formatCount(most)} keys (tracking-table-max-keys)`],
      why: 'Past it Redis drops keys from the table at random and tells their clients that they changed: local copies are lost for no reason.',
      remedy: {
        say: 'Track by prefix (BCAST), or raise tracking-table-max-keys, which takes memory.',
        redisCli: vitals.provider === 'unknown' ? [`redis-cli CONFIG SET tracking-table-max-keys ${2 * most}`] : [],
      },
    }
  },

  'command-dominant': ({ commands }) => {
    if (commands === undefined) return undefined
    const families = familiesOf(commands)
    const all = families.reduce((sum, { microseconds }) => sum + microseconds, 0)
    const first = families[0]
    const share = ratio(first?.microseconds, all)
    if (first === undefined || share === undefined || share <= thresholds.commandShare) return undefined
    if (all < thresholds.commandMicroseconds) return undefined
    const each = ratio(first.microseconds, first.calls)
    return {
      severity: 'info',
      title: `${first.command} takes ${formatShare(share)} of the time that Redis spends on commands`,
      evidence: lines(
        `${formatOf(first.calls, 'call')}, ${formatSeconds(first.microseconds / 1e6)} in all${each === undefined ? '' : `, ${formatSeconds(each / 1e6)} each`}`,
        families.length > 1 &&
          `next: ${families
            .slice(1, 4)
            .map(({ command, microseconds }) => `${command} ${formatShare(microseconds / all)}`)
            .join(', ')}`,
      ),
      why: 'Redis runs one command at a time. If it gets slow, this is where the time goes, and the workload that sends it is the one to look at.',
      remedy: advice(
        'See who sends it, and whether it asks for more than it needs.',
        'redis-cli INFO commandstats',
        'redis-cli SLOWLOG GET 10',
      ),
    }
  },
}

/** Sub-commands (`client|list`) count for their command, EVAL and its kin as one; the one that takes most time first. */
function familiesOf(commands: readonly CommandLoad[]): CommandLoad[] {
  const families = new Map<string, CommandLoad>()
  for (const { command, calls, microseconds } of commands) {
    const name = (command.split('|')[0] ?? command).toUpperCase()
    const family = /^(EVAL|FCALL)/.test(name) ? 'Scripts (EVAL)' : name
    const known = families.get(family)
    families.set(family, {
      command: family,
      calls: calls + (known?.calls ?? 0),
      microseconds: microseconds + (known?.microseconds ?? 0),
    })
  }
  return [...families.values()].sort((one, other) => other.microseconds - one.microseconds)
}
