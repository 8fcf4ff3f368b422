import type { Clock } from './clock.ts'
import { diagnose } from './findings/diagnose.ts'
import type { ClientEvidence, NamespaceEvidence, Purpose } from './findings/evidence.ts'
import type { Finding } from './findings/finding.ts'
import { isWorse } from './findings/severity.ts'
import type { Namespace } from './namespace.ts'
import { memoryLimitOfProcess } from './options/memory-limit.ts'
import type { EarlyEnd } from './pressure/account.ts'
import type { Counters } from './read/counters.ts'
import type { RedisLink } from './redis-link.ts'

/** Counters of one moment, to be compared with those of a later one. */
interface Moment {
  readonly at: number
  readonly refused: number
  readonly loads: number
  readonly early: Readonly<Record<EarlyEnd, number>>
  readonly namespaces: ReadonlyMap<string, Counters>
}

const window = 600_000
const between = 30_000

/** What this process saw of one Redis as its client, over the last ten minutes, and what it finds wrong with it. */
export class ClientView {
  readonly #clock: Clock
  readonly #link: RedisLink
  readonly #moments: Moment[] = []
  readonly #processLimit = memoryLimitOfProcess()

  constructor(clock: Clock, link: RedisLink) {
    this.#clock = clock
    this.#link = link
  }

  /** Keeps a moment, not more than one in half a minute. */
  note(namespaces: readonly Namespace<unknown>[]): void {
    const now = this.#clock.now()
    // The clock was set back: there is no telling how long ago any of them was.
    if (now < (this.#moments.at(-1)?.at ?? now)) this.#moments.length = 0
    const last = this.#moments.at(-1)
    if (last !== undefined && now - last.at < between) return
    this.#moments.push(this.#moment(namespaces, now))
    while ((this.#moments[1]?.at ?? now) <= now - window) this.#moments.shift()
  }

  evidence(namespaces: readonly Namespace<unknown>[]): ClientEvidence {
    const now = this.#clock.now()
    const current = this.#moment(namespaces, now)
    const oldest = this.#moments[0] ?? current
    const middle = this.#moments[Math.floor(this.#moments.length / 2)] ?? oldest
    const seconds = (now - oldest.at) / 1_000
    const lookedAt = this.#link.pressure?.watch.lookedAt
    const held = this.#link.pressure?.heldBytes() ?? {}
    const rate = (from: Moment, to: Moment) => perSecond(to.loads - from.loads, (to.at - from.at) / 1_000)
    const early = (cause: EarlyEnd) => current.early[cause] - oldest.early[cause]
    return {
      mode: this.#link.verdict.mode,
      refusedWrites: current.refused - oldest.refused,
      refusal: this.#link.gate.refusal,
      busy: this.#link.pressure?.busy ?? false,
      secondsSinceLook: lookedAt === undefined ? undefined : Math.max(0, now - lookedAt) / 1_000,
      earlyExpirations: {
        eviction: early('eviction'),
        restart: early('restart'),
        flush: early('flush'),
        unknown: early('unknown'),
      },
      loadsPerSecond: rate(middle, current),
      usualLoadsPerSecond: middle === oldest ? undefined : rate(oldest, middle),
      namespaces: namespaces.map((namespace) =>
        namespaceEvidence(namespace, oldest.namespaces.get(namespace.name), seconds, held),
      ),
      process: { rss: process.memoryUsage.rss(), limit: this.#processLimit },
      localBounded: true,
    }
  }

  /** Over all nodes: each finding once, from the node where it is worst. */
  findings(namespaces: readonly Namespace<unknown>[]): Finding[] {
    const { target, memoryLimit: declaredLimit, health } = this.#link
    const { nodes, learned } = health
    const client = this.evidence(namespaces)
    const found = new Map<string, Finding>()
    for (const node of Object.values(nodes)) {
      const purpose = purposeOf(namespaces, node.vitals.memory.policy)
      for (const finding of diagnose({ ...node, target, purpose, learned, client, declaredLimit })) {
        const known = found.get(finding.id)
        if (known === undefined || isWorse(finding.severity, known.severity)) found.set(finding.id, finding)
      }
    }
    return [...found.values()]
  }

  #moment(namespaces: readonly Namespace<unknown>[], at: number): Moment {
    const counters = new Map(namespaces.map((namespace) => [namespace.name, namespace.counters]))
    const early: Record<EarlyEnd, number> = { eviction: 0, restart: 0, flush: 0, unknown: 0 }
    for (const { account } of namespaces) {
      for (const cause of Object.keys(early) as EarlyEnd[]) early[cause] += account?.earlyEnds[cause] ?? 0
    }
    let loads = 0
    for (const one of counters.values()) loads += one.loads
    return { at, refused: this.#link.gate.refused, loads, early, namespaces: counters }
  }
}

/** What a Redis of these namespaces must be judged as, under its eviction policy. */
function purposeOf(namespaces: readonly Namespace<unknown>[], policy: string | undefined): Purpose {
  // What waits there to be saved must not be evicted, whatever else lives beside it.
  const evicts = policy?.startsWith('allkeys-') ?? false
  if (evicts && namespaces.some(({ behind }) => behind !== undefined && !behind.allowsEviction)) return 'queue'
  // A Redis of nothing but essential values is a store, and judged as one.
  const isStore = namespaces.length > 0 && namespaces.every(({ settings }) => settings.policy.priority === 'essential')
  return isStore ? 'session' : 'cache'
}

function namespaceEvidence(
  { name, account, counters, settings, hotKeys, hasCopies }: Namespace<unknown>,
  before: Counters | undefined,
  seconds: number,
  held: Readonly<Record<string, { readonly bytes: number }>>,
): NamespaceEvidence {
  const since = (field: 'localHits' | 'redisHits' | 'staleHits' | 'misses') => counters[field] - (before?.[field] ?? 0)
  const hits = since('localHits') + since('redisHits') + since('staleHits')
  const lookups = hits + since('misses')
  return {
    namespace: name,
    hitRatio: lookups === 0 ? undefined : hits / lookups,
    lookupsPerSecond: perSecond(lookups, seconds),
    // What the local tier answers weighs on no node, and copies weigh on several.
    hottestShare: settings.local === false && !hasCopies ? hotKeys.top(1)[0]?.share : undefined,
    largestValue: undefined,
    ttlMilliseconds: settings.policy.ttl + Math.max(settings.policy.staleIfError, settings.policy.staleWhileRevalidate),
    negativeTtlMilliseconds: settings.policy.negativeTtl,
    bytes: held[account?.id ?? name]?.bytes ?? 0,
    budget: account?.budget,
  }
}

// Rates over a few seconds say nothing.
const shortest = 10

function perSecond(count: number, seconds: number): number {
  return seconds < shortest ? 0 : count / seconds
}
