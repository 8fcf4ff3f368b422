import { bytesOf, isLimited } from './facts.ts'
import { formatBytes, formatCount, formatOf, formatSeconds, formatShare } from './format.ts'
import { advice, setting } from './remedies.ts'
import { graded, lines, type Rules, ratio } from './rule.ts'
import * as thresholds from './thresholds.ts'

export const connectionRules: Rules<
  | 'connections-high'
  | 'connections-rejected'
  | 'connection-budget'
  | 'connection-churn'
  | 'client-buffers'
  | 'clients-evicted'
  | 'output-buffer-disconnects'
> = {
  'connections-high': ({ vitals }) => {
    const { connected, clusterConnections, max } = vitals.clients
    if (connected === undefined || max === undefined) return undefined
    const all = connected + (clusterConnections ?? 0) + (vitals.replication.connectedReplicas ?? 0)
    const share = ratio(all, max)
    if (share === undefined || share <= thresholds.connectionShare) return undefined
    return {
      severity: 'warning',
      title: `${formatShare(share)} of all connections are taken`,
      evidence: [`${formatCount(all)} of ${formatCount(max)} connections (maxclients)`],
      why: 'The next rollout doubles the pods for a minute. Those that come too late are turned away, health checks and people with them.',
      remedy: advice(
        'Use fewer connections for each process (Plimsoll keeps maxConnections, 4 by default), find leaks, and only then raise maxclients together with the limit of open files.',
        'redis-cli INFO clients',
        'redis-cli CLIENT LIST',
      ),
    }
  },

  'connections-rejected': (evidence) => {
    const { trend, vitals } = evidence
    const rejected = trend?.rejectedConnections ?? vitals.totals.rejectedConnections ?? 0
    if (rejected <= 0) return undefined
    const { connected, max } = vitals.clients
    return {
      severity: trend === undefined ? 'warning' : 'critical',
      title: trend === undefined ? 'Redis has turned connections away' : 'Redis turns connections away',
      evidence: lines(
        `${formatOf(rejected, 'connection')} rejected ${trend === undefined ? 'since Redis started' : `within ${formatSeconds(trend.seconds)}`}`,
        connected !== undefined &&
          max !== undefined &&
          `${formatCount(connected)} of ${formatCount(max)} are taken now`,
      ),
      why: 'A process that finds no connection has no cache: its traffic goes to the source, and it tries again and again.',
      remedy: setting(
        evidence,
        'Look for leaks and oversized pools first (CLIENT LIST shows age and idle time), then raise maxclients.',
        { maxclients: String(Math.max(10_000, 2 * (max ?? 0))) },
      ),
    }
  },

  'connection-budget': ({ budget, vitals }) => {
    const max = budget?.max ?? vitals.clients.max
    const share = ratio(budget?.needed, max)
    if (budget === undefined || max === undefined || share === undefined || share <= thresholds.connectionShare) {
      return undefined
    }
    const perRollout = Math.max(1, budget.pods * budget.surge)
    const affordable = Math.max(1, Math.floor((thresholds.connectionShare * max - budget.others) / perRollout))
    return {
      severity: 'warning',
      title: 'A rollout needs more connections than Redis can spare',
      evidence: [
        `${formatCount(budget.pods)} pods × ${formatCount(budget.connectionsPerPod)} connections × ${formatCount(budget.surge)} during a rollout + ${formatCount(budget.others)} others = ${formatCount(budget.needed)}`,
        `${formatShare(share)} of maxclients, ${formatCount(max)}`,
      ],
      why: 'It fits every day and fails on the day of a rollout or of a rush, when pods old and new are there together.',
      remedy: advice(
        `At most ${formatOf(affordable, 'connection')} for each pod fit below ${formatShare(thresholds.connectionShare)}.`,
        'redis-cli INFO clients',
      ),
    }
  },

  'connection-churn': ({ trend, vitals }) => {
    if (trend === undefined || trend.seconds < thresholds.churnSeconds) return undefined
    const each = ratio(trend.connectionsReceivedPerSecond, vitals.clients.connected)
    if (each === undefined || each <= thresholds.connectionChurn) return undefined
    return {
      severity: 'warning',
      title: 'Clients connect again and again',
      evidence: [
        `${formatCount(trend.connectionsReceivedPerSecond)} new connections a second with ${formatCount(vitals.clients.connected ?? 0)} connected`,
      ],
      why: 'A connection for each request costs more than the request, and every fresh connection takes 17 to 38 KB of Redis for its first seconds. A client that reconnects in a loop looks the same.',
      remedy: advice(
        'Keep connections open and share them; look for clients whose age is always 0.',
        'redis-cli CLIENT LIST',
      ),
    }
  },

  'client-buffers': (evidence) => {
    const { clientsNormal, max } = evidence.vitals.memory
    const { connected } = evidence.vitals.clients
    if (clientsNormal === undefined) return undefined
    const limited = isLimited(evidence) && max !== undefined
    const share = limited ? ratio(clientsNormal, max) : undefined
    const each = ratio(clientsNormal, connected)
    const severity = limited
      ? graded(share, thresholds.clientBuffersWarning, thresholds.clientBuffersCritical)
      : each !== undefined && each > thresholds.clientBufferEach
        ? 'warning'
        : undefined
    if (severity === undefined) return undefined
    return {
      severity,
      title: 'Buffers of clients take the memory of the data',
      evidence: lines(
        limited ? `${bytesOf(clientsNormal, max)} maxmemory` : `${formatBytes(clientsNormal)} in buffers`,
        connected !== undefined &&
          `${formatOf(connected, 'client')}${each === undefined ? '' : `, ${formatBytes(each)} each`}`,
        evidence.settings?.maxmemoryClients !== undefined &&
          `maxmemory-clients is ${evidence.settings.maxmemoryClients}`,
      ),
      why: 'One client that asks for much and reads slowly can empty a whole cache, also one with allkeys-lru, and have writes refused all the same.',
      remedy: setting(
        evidence,
        'Let Redis 7.0 and newer drop the clients that hold most before it drops data. Ask for less at a time.',
        { 'maxmemory-clients': '5%' },
      ),
    }
  },

  'clients-evicted': ({ trend, vitals }) => {
    const evicted = trend?.evictedClients ?? vitals.totals.evictedClients ?? 0
    if (evicted <= 0) return undefined
    return {
      severity: trend === undefined ? 'info' : 'warning',
      title: 'Redis drops clients whose buffers are too large',
      evidence: [
        `${formatOf(evicted, 'client')} evicted ${trend === undefined ? 'since Redis started' : `within ${formatSeconds(trend.seconds)}`} (maxmemory-clients)`,
      ],
      why: 'What they asked for fails, and a client that simply asks again is dropped again, in a loop.',
      remedy: advice('Find those who read much and slowly: omem and tot-mem in CLIENT LIST.', 'redis-cli CLIENT LIST'),
    }
  },

  'output-buffer-disconnects': ({ trend, vitals }) => {
    const dropped = trend?.outputBufferDisconnections ?? vitals.totals.outputBufferDisconnections ?? 0
    if (dropped <= 0) return undefined
    return {
      severity: trend === undefined ? 'info' : 'warning',
      title: 'Redis closes connections whose output buffer is over its limit',
      evidence: [
        `${formatOf(dropped, 'connection')} closed ${trend === undefined ? 'since Redis started' : `within ${formatSeconds(trend.seconds)}`} (client-output-buffer-limit)`,
      ],
      why: 'A reply that is too large, or a subscriber that is too slow, loses its connection. A client that sends the command again after it reconnects never ends.',
      remedy: advice(
        'Ask for less at a time (HSCAN instead of HGETALL, pages instead of all), and look at slow subscribers.',
        'redis-cli CLIENT LIST',
      ),
    }
  },
}
