import { isEphemeral, lostData } from './facts.ts'
import { formatBytes, formatOf, formatSeconds } from './format.ts'
import { advice, managedPlace } from './remedies.ts'
import { lines, type Rules } from './rule.ts'
import * as thresholds from './thresholds.ts'

export const persistenceRules: Rules<
  'ephemeral-session-store' | 'fork-cost' | 'replica-buffers' | 'replication-broken'
> = {
  'ephemeral-session-store': (evidence) => {
    const { purpose, vitals } = evidence
    if (purpose === 'cache' || isEphemeral(evidence) !== true || vitals.replication.connectedReplicas !== 0) {
      return undefined
    }
    const losses = lostData(evidence)
    return {
      severity: purpose === 'queue' || losses > 0 ? 'warning' : 'info',
      title: `A restart loses every ${purpose === 'queue' ? 'job' : 'session'}`,
      evidence: lines(
        'save is "", appendonly is no, and there is no replica',
        losses > 0 && `${formatOf(losses, 'restart')} with loss of data within the hour`,
      ),
      why:
        purpose === 'queue'
          ? 'Jobs that were accepted are gone with the process, and nobody will run them.'
          : 'All visitors are logged out together and log in again together. That may be a fair price for simplicity, if it was chosen.',
      remedy: {
        say: 'Accept it and say so, keep a second store to fall back on, or let Redis write an AOF or have a replica. An AOF wants a volume and begins with a fork: not while memory is short.',
        redisCli: managedPlace(evidence) === undefined ? ['redis-cli CONFIG SET appendonly yes'] : [],
        ...(managedPlace(evidence) === undefined
          ? {
              helm: 'architecture: replication\ncommonConfiguration: |-\n  appendonly yes\n  appendfsync everysec\n  save ""',
            }
          : {}),
      },
    }
  },

  'fork-cost': ({ vitals }) => {
    const fork = vitals.totals.latestForkMicroseconds
    if (fork === undefined || fork <= thresholds.forkMicroseconds) return undefined
    return {
      severity: 'warning',
      title: `A fork stopped Redis for ${formatSeconds(fork / 1e6)}`,
      evidence: lines(
        `latest_fork_usec: ${formatSeconds(fork / 1e6)}`,
        vitals.memory.used !== undefined && `${formatBytes(vitals.memory.used)} are used`,
      ),
      why: 'Every snapshot, rewrite of the AOF and new replica begins with a fork, and no command is answered until it is done.',
      remedy: advice(
        'Leave snapshots to a replica or to quiet hours, switch off transparent huge pages, or split the data over several Redis.',
        'redis-cli INFO persistence',
      ),
    }
  },

  'replica-buffers': ({ vitals }) => {
    const { clientsReplicas } = vitals.memory
    const { connectedReplicas } = vitals.replication
    if (clientsReplicas === undefined || connectedReplicas === undefined || connectedReplicas <= 0) return undefined
    if (clientsReplicas <= thresholds.replicaBuffers) return undefined
    return {
      severity: 'warning',
      title: 'Replicas do not keep up',
      evidence: [`${formatBytes(clientsReplicas)} wait for ${formatOf(connectedReplicas, 'replica')}`],
      why: 'What waits for them is not counted towards maxmemory but is towards the limit of the container, and a replica that is cut off copies everything anew.',
      remedy: advice(
        'Look at the network and the load of the replicas, and leave room for their buffers in the container.',
        'redis-cli INFO replication',
      ),
    }
  },

  'replication-broken': ({ vitals }) => {
    if (vitals.role !== 'replica' || vitals.replication.primaryLinkUp !== false) return undefined
    return {
      severity: 'warning',
      title: 'This replica has lost its primary',
      evidence: ['master_link_status is down'],
      why: 'It answers with what it had, older by the minute, and a failover to it would lose all that came since.',
      remedy: advice(
        'See whether the primary is up and reachable from the replica, and whether its log names the reason.',
        'redis-cli INFO replication',
      ),
    }
  },
}
