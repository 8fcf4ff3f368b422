import type { Clock, Random } from './clock.ts'
import { Fences } from './coherence/fences.ts'
import { Generations } from './coherence/generations.ts'
import { createCodec } from './entry/codec.ts'
import { CopyNames } from './entry/copy-names.ts'
import { createGroupedKeySpace, createKeySpace } from './entry/key.ts'
import { HotKeys } from './local/hot-keys.ts'
import { LocalKeeper } from './local/local-keeper.ts'
import type { LocalNamespace, LocalTier, Standing } from './local/local-tier.ts'
import type { Logger } from './options/logger.ts'
import type { CallSettings, NamespaceSettings } from './options/namespace-options.ts'
import type { Account } from './pressure/account.ts'
import { Ahead } from './read/ahead.ts'
import { CacheAside } from './read/cache-aside.ts'
import { Copies } from './read/copies.ts'
import { type Counters, createCounters, createObservations } from './read/counters.ts'
import { Exclusive } from './read/exclusive.ts'
import { fetchOne, type Loads } from './read/fetch.ts'
import type { Flight } from './read/flight.ts'
import type { LeaseContext } from './read/lease.ts'
import type { Fetch, ReadParts } from './read/read-parts.ts'
import type { Source } from './read/source.ts'
import { Wakeups } from './read/wakeups.ts'
import type { RedisLink } from './redis-link.ts'
import { WriteThrough } from './write/write-through.ts'
import { WriteBehind } from './write-behind/write-behind.ts'

/** What the cache lends to its namespaces. */
export interface NamespaceParts {
  readonly cacheName: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly development: boolean
  readonly tier: LocalTier | undefined
  readonly link: RedisLink | undefined
  readonly source: Source
  /** For values that somebody else keeps in Redis, and that are only accounted here. */
  readonly keptElsewhere?: KeptElsewhere | undefined
}

/** What somebody who keeps values under other keys tells of them. */
export interface KeptElsewhere {
  redisKey(key: string): string
  counters(): Partial<Counters>
}

export interface AssembledNamespace<V> {
  readonly parts: ReadParts<V>
  readonly account: Account | undefined
  readonly hotKeys: HotKeys
  readonly reading: CacheAside<V>
  readonly ahead: Ahead<V>
  readonly exclusive: Exclusive<V>
  readonly writing: WriteThrough<V>
  readonly behind: WriteBehind<V> | undefined
  /** As given, with loads that know of what waits to be saved. */
  readonly loading: Loads<V>
  readonly fetch: Fetch<V> | undefined
  /** What holds for a call that sets nothing for itself. */
  readonly call: CallSettings<V>
}

// Slot groups of a write-behind namespace on a cluster: its streams are spread over the primaries. Part of the keys.
const groupsOnCluster = 16

/** Makes the parts of one namespace and puts them together. */
export function assembleNamespace<V>(settings: NamespaceSettings<V>, lent: NamespaceParts): AssembledNamespace<V> {
  const { cacheName, clock, random, logger, development, tier, link, source, keptElsewhere } = lent
  const { name, schemaVersion, policy, behind } = settings
  const id = schemaVersion === 0 ? name : `${name}@${schemaVersion}`
  const isCluster = link?.commands.topology.kind === 'cluster'
  const groups = behind && (isCluster ? groupsOnCluster : 1)
  const grouped = groups && createGroupedKeySpace(cacheName, name, schemaVersion, groups)
  const keys = grouped ?? createKeySpace(cacheName, name, schemaVersion)
  // Without a cluster all copies would lie on the node of the original.
  const copied = isCluster ? settings.copies : undefined
  const names = copied && new CopyNames(cacheName, id, copied.count)
  const fences = new Fences<Flight<V>>()
  const hotKeys = new HotKeys(clock)
  const onDropped = (isAll: boolean) => {
    // Which of the reads under way it concerns nobody knows before they end.
    fences.voidAll()
    if (isAll) local?.clear()
    else local?.reconsider()
  }
  const generations = settings.clearable
    ? createGenerations(id, keys.generations, link, settings, onDropped)
    : undefined
  const local = createLocal<V>(tier, clock, settings.local, hotKeys, generations)
  const localTtl = settings.local === false ? 0 : settings.local.ttl
  const shared = {
    ...{ settings, id, clock, random, development, logger, source, keys, fences, local, generations },
    codec: createCodec(policy, settings.schema, warnOfSize(name, logger), settings.clearable),
    keeper: new LocalKeeper(local, localTtl, clock, () => link?.hearsOthers() ?? true),
    wakeups: new Wakeups(),
    counters: createCounters(),
    observations: createObservations(),
  }
  const account = link?.openAccount(
    ...([id, policy.priority, settings.maxRedisBytes, keptElsewhere?.redisKey ?? keys.value] as const),
  )
  const remote = link && account && remoteOf(link, account, id, clock)
  const observedLoadTime = () => reading.loading.observedTime
  const writingBehind =
    behind && grouped && remote
      ? new WriteBehind({ ...shared, behind, keys: grouped, remote, observedLoadTime })
      : undefined
  const { loads } = writingBehind ?? {}
  const copies = names && remote && new Copies({ ...shared, names, beyond: copied.beyond, remote })
  const storing: Pick<LeaseContext, 'storeUnderLease'> = loads
    ? { storeUnderLease: (...store) => loads.store(...store) }
    : {}
  const parts: ReadParts<V> = { ...shared, remote: remote && { ...remote, ...storing, copies } }
  const reading = new CacheAside(parts)
  const loading = loads?.around(settings) ?? settings
  const fetch = fetchOne({ ...settings, ...loading }, source)
  const call = { policy, load: settings.load, timeout: undefined }
  return {
    ...{ parts, account, hotKeys, reading, loading, fetch, call, behind: writingBehind },
    ahead: new Ahead(parts, reading, loading, fetch, call),
    exclusive: new Exclusive(parts),
    writing: new WriteThrough({ ...shared, copies: names, remote, observedLoadTime }),
  }
}

function createLocal<V>(
  tier: LocalTier | undefined,
  clock: Clock,
  local: NamespaceSettings<V>['local'],
  hotKeys: HotKeys,
  generations: Generations | undefined,
): LocalNamespace<V> | undefined {
  if (local === false) return undefined
  const stands = (standing: Standing | undefined) => standing === undefined || generations?.stands(standing) !== false
  return tier?.namespace<V>(clock, local.clone, hotKeys, stands)
}

function createGenerations(
  id: string,
  redisKey: string,
  link: RedisLink | undefined,
  { policy, local }: Pick<NamespaceSettings<unknown>, 'policy' | 'local'>,
  onDropped: (isAll: boolean) => void,
): Generations {
  const longestLife = policy.ttl + Math.max(policy.staleIfError, policy.staleWhileRevalidate)
  const checkEvery = local === false ? 1_000 : local.ttl
  return new Generations(id, redisKey, link, { longestLife, checkEvery }, onDropped)
}

function remoteOf(link: RedisLink, account: Account, id: string, clock: Clock) {
  const { commands, entries, gate, pending, channelName: channel, sender, tracks } = link
  const trusts = (key: string) => pending.trusts(id, key)
  return { commands, entries, gate, account, pending, clock, channel, sender, trusts, tracks }
}

/** Once a namespace: the first large value tells as much as the thousandth. */
function warnOfSize(namespace: string, logger: Logger): (bytes: number, stored: boolean) => void {
  const warned = new Set<boolean>()
  return (bytes, stored) => {
    if (warned.has(stored)) return
    warned.add(stored)
    const message = stored ? 'a value of over 100 KB is cached' : 'a value over maxValueBytes is not stored in Redis'
    logger.warn({ namespace, bytes }, message)
  }
}
