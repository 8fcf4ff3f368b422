/**
 * Where a number becomes a finding. Shares are 0 to 1, sizes bytes; a rule asks for more than its threshold. "Runbook" is
 * the on-call practice that the alert rules follow too, "MEMORY DOCTOR" is object.c of Redis 8.0.
 */

const KiB = 1024
const MiB = 1024 * KiB

// Fill: used_memory up to the limit in force. The same steps as those of the modes.
/** Runbook: warning for ten minutes at 80 %. */
export const fillWarning = 0.8
/** Runbook: critical for five minutes at 90 %. */
export const fillCritical = 0.9
/** A cache that may evict stays above it by design. */
export const fillPlateau = 0.95
/** Seconds to full at which the mode is `conserving`. */
export const secondsToFullWarning = 60 * 60
/** Seconds to full at which the mode is `shedding`. */
export const secondsToFullCritical = 10 * 60

// Containers.
/** Of the container's limit, for maxmemory and for resident memory. 56 MiB of 64 MiB, one bad night's numbers, are 0.875. */
export const containerShareWarning = 0.85
export const containerShareCritical = 0.95
/** Of the machine, where no container's limit is known: more is wrong in any case. */
export const machineShare = 0.9
/** Deaths by the kernel within the hour. */
export const oomKillsCritical = 3
/** Copy-on-write and resident memory together, of the limit. */
export const copyOnWriteWarning = 0.9
export const copyOnWriteCritical = 1
/** How far a declared limit may be from a learned one: deaths are seen at the last look before them. */
export const learnedTolerance = 0.1
/** Resident memory of this process, of its own container's limit. */
export const processShareWarning = 0.75
export const processShareCritical = 0.9

// Eviction.
/** Keys evicted within the window, of all that there were. */
export const evictedShareWarning = 0.05
export const evictedShareCritical = 0.2
/** Keys a second, runbook; sustained for `evictionSeconds`. */
export const evictedPerSecond = 10
export const evictionSeconds = 5 * 60
/** Share of the time over maxmemory. */
export const evictionExceededShare = 0.05
/** Looks in a row over maxmemory: one may be an eviction under way. */
export const evictionExceededLooks = 2

// Keys.
/** Below it shares of keys say nothing. */
export const keysWorthARule = 100
/** Keys without a TTL, of all: more is a finding. */
export const withoutTtlShare = 0.05
/** Keys with a TTL, of all: with fewer a volatile policy has next to nothing to evict. */
export const volatileShare = 0.05
/** Average TTL, of the longest one configured. */
export const ttlFactor = 1.5
/** Milliseconds; nothing that a cache or a session store keeps is worth more, where no TTL is configured here. */
export const ttlAtMost = 30 * 86_400_000
/** Bytes of one value; RedisInsight and Azure's advice. */
export const bigValue = 100_000
/** Share of a namespace's lookups for one key, and lookups a second of that key. */
export const hotKeyShare = 0.1
export const hotKeyPerSecond = 100
/** Percent of keys that are dead and not yet collected; Redis aims at 10. */
export const expiredStalePercent = 25

// Memory's shape.
/** mem_fragmentation_ratio: runbook. MEMORY DOCTOR takes 1.4. */
export const fragmentationRatio = 1.5
/** Bytes below which no ratio matters: MEMORY DOCTOR. */
export const fragmentationBytes = 10 * MiB
/** Used memory below which no ratio matters: MEMORY DOCTOR. */
export const fragmentationUsed = 5 * MiB
/** Peak of used memory, of what is used now: MEMORY DOCTOR. */
export const peakRatio = 1.5
/** mem_fragmentation_ratio below 1: pages are not in memory. */
export const swappingWarning = 1
export const swappingCritical = 0.9
/** Used memory below which resident memory may be smaller for other reasons. */
export const swappingUsed = 100 * MiB
/** Overhead, of used memory, and the used memory below which it does not matter. */
export const overheadShare = 0.5
export const overheadUsed = 100 * MiB
/** Objects that wait to be freed. */
export const lazyfreeObjects = 100_000
/** MEMORY DOCTOR. */
export const cachedScripts = 1_000

// Connections.
/** Of maxclients, for those there are and for those a rollout needs. */
export const connectionShare = 0.8
/** New connections a second for each connected client, sustained for `churnSeconds`. */
export const connectionChurn = 1
export const churnSeconds = 60
/** Bytes of clients' buffers, of maxmemory. */
export const clientBuffersWarning = 0.1
export const clientBuffersCritical = 0.25
/** Bytes a client where there is no maxmemory: MEMORY DOCTOR. */
export const clientBufferEach = 200 * KiB
/** Bytes of all replicas' buffers: MEMORY DOCTOR. */
export const replicaBuffers = 10 * MiB
/** Clients at which other tools (RedisInsight, the exporter's mixin) begin to worry. */
export const clientsThatLookLikeMany = 100

// Reading.
export const hitRatio = 0.9
/** Lookups a second below which a ratio says nothing. */
export const hitRatioLookups = 1
/** Loads a second, of the usual: while writes are refused, and in general. */
export const refillFactor = 2
export const stampedeFactor = 5
/** Loads a second below which a factor says nothing. */
export const stampedeLoads = 10

// The server.
/** Microseconds. A fork of 0.5 s stops all commands for as long. */
export const forkMicroseconds = 500_000
/** Microseconds of one turn of the event loop (Redis 7.2 and newer). */
export const eventLoopMicroseconds = 10_000
/** Keys that Redis tracks for clients, of tracking-table-max-keys, and its default. */
export const trackingShare = 0.9
export const trackingTableDefault = 1_000_000
/** Of all time spent in commands, and the microseconds below which nothing can be said of them. */
export const commandShare = 0.6
export const commandMicroseconds = 100_000

// Looking.
/** Seconds since the last look that told something: six of the probe's usual intervals. */
export const staleSeconds = 60
/** Older ones tell neither maxclients nor error counts; nothing is tested on them. Valkey began above it. */
export const oldestRedis = { major: 6, minor: 2 } as const

// Advice.
/** maxmemory, of a container's limit: 200 MiB of 256 MiB. AWS reserves a quarter. */
export const maxmemoryShare = 0.78
/** A container's limit, of maxmemory, and of the resident peak. */
export const limitOverMaxmemory = 1.25
export const limitOverResident = 1.2
/** maxmemory, of what is used: capacity plans take two to three times, of large instances half as much again. */
export const growthSmall = 3
export const growthLarge = 1.5
/** Bytes that are reserve enough for growth, between the two. */
export const growthAtMost = 1024 * MiB
