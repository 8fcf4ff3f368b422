import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { type RedisOptions as AllIoredisOptions, Cluster, type ClusterOptions, Redis } from 'ioredis'
import { isRedisInstance, type RedisAddress, type RedisOption, type RedisOptions } from '../options/redis-options.ts'

// `replyMapping` only matters to RESP3, and its type does not bear exactOptionalPropertyTypes.
type IoredisOptions = Omit<AllIoredisOptions, 'replyMapping'>
type ClusterSettings = Omit<ClusterOptions, 'redisOptions'> & { redisOptions: IoredisOptions }

export type Client = Redis | Cluster
export type Role = 'primary' | 'reader'
/** What a connection is for; its name in CLIENT LIST ends with it. */
export type ConnectionPurpose = 'data' | 'subscriber' | 'health'

/** Opens connections to one Redis, whatever its shape. */
export interface Topology {
  readonly kind: 'standalone' | 'sentinel' | 'cluster'
  readonly hasReader: boolean
  open(role: Role, purpose: ConnectionPurpose): Client
}

export interface ConnectionSettings {
  readonly cacheName: string
  readonly commandTimeout: number
  readonly connectTimeout: number
}

/**
 * Settings under which ioredis fails at once instead of queueing. Measured on ioredis 6.0.0: with its defaults a
 * caller hangs 74 s when Redis dies and for ever when it freezes, and a reply over the output buffer limit makes it
 * reconnect and resend for ever.
 */
function safeSettings(settings: ConnectionSettings, purpose: ConnectionPurpose): IoredisOptions {
  return {
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    // 0 rejects what was in flight as soon as the connection closes.
    maxRetriesPerRequest: 0,
    connectTimeout: settings.connectTimeout,
    // How long a disconnect waits for a peer that may be frozen; the default of 2 s also outlives close().
    disconnectTimeout: 100,
    keepAlive: 10_000,
    noDelay: true,
    retryStrategy,
    reconnectOnError: afterFailover(),
    // RESP3 gains nothing here, and one protocol means one shape of reply.
    protocol: 2,
    connectionName: `plimsoll:${settings.cacheName}:${purpose}`,
    disableClientInfo: true,
  }
}

/** How long until the next attempt to connect. */
export function retryStrategy(attempt: number): number {
  return Math.min(2_000, 25 * 2 ** Math.min(attempt - 1, 7)) * (0.75 + Math.random() / 2)
}

const failoverPause = 5_000

/**
 * A failover behind a fixed name leaves us on a replica: a new connection finds the new primary. Not at every error, for
 * it may be a replica for good, and each reconnect fails the reads in flight.
 */
function afterFailover(): (error: Error) => boolean {
  let next = 0
  return (error) => {
    if (!error.message.startsWith('READONLY') || Date.now() < next) return false
    next = Date.now() + failoverPause
    return true
  }
}

export function createTopology(option: RedisOption, settings: ConnectionSettings): Topology {
  if (isRedisInstance(option)) return ofInstance(option as unknown as Client, settings)
  const options: RedisOptions = typeof option === 'string' ? { primary: option } : option
  const shared = sharedSettings(options)
  if (options.cluster !== undefined) {
    const nodes = options.cluster.map(toAddress)
    return {
      kind: 'cluster',
      hasReader: false,
      open: (_role, purpose) =>
        new Cluster(
          nodes.map(({ host, port }) => ({ host, port })),
          clusterSettings({ ...nodes[0]?.credentials, ...shared, ...safeSettings(settings, purpose) }),
        ),
    }
  }
  if (options.sentinels !== undefined) {
    const addresses = options.sentinels.map(toAddress)
    const sentinels = addresses.map(({ host, port }) => ({ host, port }))
    // In a sentinel's URL they are the sentinel's own; Redis has those of the options.
    const { username, password } = addresses[0]?.credentials ?? {}
    const ofSentinels: IoredisOptions = {
      ...(username !== undefined && { sentinelUsername: username }),
      ...(password !== undefined && { sentinelPassword: password }),
    }
    const name = options.sentinelName ?? 'mymaster'
    return {
      kind: 'sentinel',
      hasReader: false,
      open: (_role, purpose) =>
        new Redis({ ...shared, ...ofSentinels, sentinels, name, ...safeSettings(settings, purpose) }),
    }
  }
  const primary = toAddress(options.primary ?? '')
  const reader = options.reader === undefined ? undefined : toAddress(options.reader)
  return {
    kind: 'standalone',
    hasReader: reader !== undefined,
    open(role, purpose) {
      const { host, port, credentials } = role === 'reader' && reader !== undefined ? reader : primary
      return new Redis({ ...credentials, ...shared, host, port, ...safeSettings(settings, purpose) })
    },
  }
}

/** The user's own instance is only a model: its offline queue would run our timed-out writes later. */
function ofInstance(instance: Client, settings: ConnectionSettings): Topology {
  if (isCluster(instance)) {
    return {
      kind: 'cluster',
      hasReader: false,
      open: (_role, purpose) =>
        instance.duplicate([], {
          keyPrefix: '',
          enableAutoPipelining: false,
          // A replica may lag behind our own write.
          scaleReads: 'master',
          ...clusterSettings({
            ...instance.options.redisOptions,
            ...notTheUsers,
            ...safeSettings(settings, purpose),
          } as IoredisOptions),
        }),
    }
  }
  return {
    kind: (instance.options.sentinels?.length ?? 0) > 0 ? 'sentinel' : 'standalone',
    hasReader: false,
    open: (_role, purpose) =>
      instance.duplicate({ ...notTheUsers, ...safeSettings(settings, purpose) } as IoredisOptions),
  }
}

// Settings of the user's instance that must not reach ours: a command timeout would run beside our deadline, a prefix would
// hide our entries from those who connect by URL, and ioredis' own pipelining throws on commands with replies as buffers.
const notTheUsers = { keyPrefix: '', commandTimeout: undefined, enableAutoPipelining: false, stringNumbers: false }

function isCluster(client: Client): client is Cluster {
  return typeof (client as Cluster).nodes === 'function'
}

function clusterSettings(redisOptions: IoredisOptions): ClusterSettings {
  // Inside redisOptions the offline queue setting is ignored; it counts at the top level only.
  return {
    lazyConnect: true,
    enableOfflineQueue: false,
    slotsRefreshTimeout: Math.max(1_000, redisOptions.connectTimeout ?? 0),
    clusterRetryStrategy: (attempt: number) => Math.min(2_000, 50 * 2 ** Math.min(attempt - 1, 6)),
    retryDelayOnFailover: 50,
    retryDelayOnClusterDown: 50,
    retryDelayOnTryAgain: 20,
    maxRedirections: 4,
    redisOptions,
  }
}

interface Address {
  readonly host: string
  readonly port: number
  readonly credentials: IoredisOptions
}

function toAddress(address: RedisAddress): Address {
  if (typeof address !== 'string') return { host: address.host, port: address.port ?? 6379, credentials: {} }
  const url = new URL(address)
  const credentials: IoredisOptions = {}
  if (url.username !== '') credentials.username = decodeURIComponent(url.username)
  if (url.password !== '') credentials.password = decodeURIComponent(url.password)
  const database = /^\/(\d+)$/.exec(url.pathname)?.[1] ?? url.searchParams.get('db')
  if (database !== null && database !== undefined) credentials.db = Number(database)
  // An IPv6 host stands in brackets in a URL, and without them in a socket's options.
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  // An IP address is no server name in TLS.
  if (url.protocol === 'rediss:') credentials.tls = isIP(host) === 0 ? { servername: host } : {}
  return { host, port: url.port === '' ? 6379 : Number(url.port), credentials }
}

function sharedSettings(options: RedisOptions): IoredisOptions {
  const shared: IoredisOptions = {}
  if (options.username !== undefined) shared.username = options.username
  if (options.password !== undefined) shared.password = options.password
  if (options.db !== undefined) shared.db = options.db
  if (options.tls === true) shared.tls = {}
  else if (typeof options.tls === 'object') shared.tls = options.tls as ConnectionOptions
  return shared
}
