/** What changed at one node over the window that was looked at, at most ten minutes, within one run of the server. */
export interface Trend {
  /** How long the window is. */
  readonly seconds: number
  readonly looks: number
  readonly evictedKeys: number
  /** Keys evicted, of those that there were and those that were evicted: 0 to 1. */
  readonly evictedShare: number
  readonly evictedPerSecond: number
  /** The largest evictions per second between two looks. */
  readonly evictedPerSecondPeak: number
  /** How long a key lives until it is evicted, at this rate; undefined where none is. */
  readonly evictionAgeSeconds: number | undefined
  readonly expiredKeys: number
  readonly oomErrors: number
  readonly misconfErrors: number
  readonly rejectedConnections: number
  readonly evictedClients: number
  readonly outputBufferDisconnections: number
  readonly connectionsReceivedPerSecond: number
  readonly keyspaceHits: number
  readonly keyspaceMisses: number
  /** Share of the time in which memory was over maxmemory: 0 to 1. */
  readonly evictionExceededShare: number
  /** Looks in a row, up to the latest, that found memory over maxmemory. */
  readonly evictionExceededLooks: number
  /** Growth of used memory, a second, over the last half minute or the last two looks, whichever is longer. */
  readonly usedPerSecond: number
}

/** The end of one run of the server, as a client can tell it. */
export interface Restart {
  readonly at: number
  readonly cause: 'oom-kill' | 'restart' | 'failover'
  readonly dataLost: boolean
  /** The last that was seen of it, with its growth until the end added. */
  readonly used: number | undefined
  readonly rss: number | undefined
}

/** Of one node since this process first looked at it: what a server counted in runs that ended is kept. */
export interface ServerTotals {
  readonly evictedKeys: number | undefined
  readonly expiredKeys: number | undefined
  readonly oomErrors: number | undefined
  readonly rejectedConnections: number | undefined
  readonly evictedClients: number | undefined
  readonly keyspaceHits: number | undefined
  readonly keyspaceMisses: number | undefined
  readonly evictionExceededMilliseconds: number | undefined
}
