import { formatSeconds } from './format.ts'
import { advice, managedPlace } from './remedies.ts'
import type { Rules } from './rule.ts'
import * as thresholds from './thresholds.ts'

export const telemetryRules: Rules<
  'info-denied' | 'config-denied' | 'telemetry-implausible' | 'engine-unsupported' | 'health-stale'
> = {
  'info-denied': ({ vitals }) => {
    if (vitals.origin === 'info') return undefined
    const some = vitals.origin === 'memory-stats'
    return {
      severity: some ? 'info' : 'warning',
      title: 'This user may not run INFO',
      evidence: [some ? 'MEMORY STATS and DBSIZE tell memory and keys' : 'nothing is known but that Redis answers'],
      why: some
        ? 'Limit, policy, evictions and restarts are not told: declare the limit with memoryLimit, or a full Redis is noticed by its first refusal.'
        : 'A full Redis is noticed by its first refusal, or by its death.',
      remedy: advice(
        'Allow INFO to this user; it only reads.',
        'redis-cli ACL SETUSER <user> +info +memory|stats +dbsize',
      ),
    }
  },

  'config-denied': (evidence) => {
    if (evidence.settings?.denied !== true) return undefined
    return {
      severity: 'info',
      title: 'CONFIG GET is not allowed here',
      evidence: ['limit and policy were read from INFO; save points and buffer limits are not told'],
      why:
        managedPlace(evidence) === undefined
          ? 'Rights to CONFIG are not needed for anything that Plimsoll does.'
          : 'Managed services keep CONFIG to themselves.',
      remedy: advice('Nothing needs to be done.'),
    }
  },

  'telemetry-implausible': ({ vitals }) => {
    if (vitals.implausible.length === 0) return undefined
    return {
      severity: 'info',
      title: 'Redis reports numbers that cannot be true',
      evidence: [`left out: ${vitals.implausible.join(', ')}`],
      why: 'Some releases (Redis 8.0, Valkey 8.1 and 9.1) let counters run below zero. Nothing is decided on them, and other tools may show them as they are.',
      remedy: advice('Update Redis when it suits; nothing is broken.', 'redis-cli INFO memory'),
    }
  },

  'engine-unsupported': ({ vitals }) => {
    const [major, minor] = (vitals.version ?? '').split('.').map((part) => Number.parseInt(part, 10))
    if (vitals.engine !== 'redis' || major === undefined || minor === undefined) return undefined
    if (Number.isNaN(major) || Number.isNaN(minor)) return undefined
    const oldest = thresholds.oldestRedis
    if (major > oldest.major || (major === oldest.major && minor >= oldest.minor)) return undefined
    return {
      severity: 'warning',
      title: `Redis ${major}.${minor} is older than what Plimsoll is tested with`,
      evidence: [`the oldest is ${oldest.major}.${oldest.minor}`],
      why: 'It gets no security fixes, and does not tell what this advice is built on: counts of errors, maxclients, time over maxmemory.',
      remedy: advice('Update to Redis 7 or newer, or to Valkey.', 'redis-cli INFO server'),
    }
  },

  'health-stale': ({ client }) => {
    const seconds = client?.secondsSinceLook
    if (seconds === undefined || seconds <= thresholds.staleSeconds) return undefined
    return {
      severity: 'warning',
      title: `Nothing was learned of Redis for ${formatSeconds(seconds)}`,
      evidence: [`the last look that told something is ${formatSeconds(seconds)} ago`],
      why: 'Forecast and fill are from then. Redis may be full, gone or well: only refused and failed commands tell.',
      remedy: advice('See whether Redis can be reached, and whether it still takes connections.', 'redis-cli PING'),
    }
  },
}
