import type { Cache } from '../cache.ts'
import { InvalidArgumentError } from '../errors.ts'
import type { Namespace } from '../namespace.ts'
import { getOrTakeLoad, type Handed } from './handover.ts'
import { keysOf, outdatedBy } from './invalidation.ts'
import { type Question, readQuestion } from './question.ts'
import { forget, type RenderingParts, type Settled, settleRendering } from './rendering.ts'
import { type CachedReply, notCached, suits, toReply } from './replies.ts'
import type { HandlerReply, RequestFacts } from './request-facts.ts'
import {
  parseResponseCacheOptions,
  parseRouteRules,
  type ResponseCacheOptions,
  type ResponseCacheSettings,
  type RouteRules,
  type RuleSettings,
} from './response-cache-options.ts'
import { conditionsFor } from './revalidation.ts'
import { type Stored, StoredReply, stalenessOfStored, Variants } from './stored.ts'
import { storedCodec } from './stored-codec.ts'
import { VariantBound, variantHash, variantKey } from './variants.ts'

export type Decision =
  /** Call the handler and leave its reply alone; after an unsafe method call `afterUnsafe`. */
  | { readonly kind: 'pass' }
  /** Send this. 304, HEAD, Age and validators are settled already. */
  | ({ readonly kind: 'reply' } & CachedReply)
  /** Call the handler, gather its reply up to `maxBodyBytes`, hand it to `settle`, and send it on. */
  | Render

export interface Render {
  readonly kind: 'render'
  /**
   * The If-None-Match and If-Modified-Since to show to the handler in place of the client's. With them a handler may confirm the stale reply
   * by a 304, and without the client's it gives a whole reply that can be stored: `settle` then tells what the client gets.
   * Who does not call this leaves the client's in place.
   */
  conditions(): Record<string, string>
  /**
   * To be called once, before the reply is sent, also where the handler threw or the client went away (`undefined`):
   * others wait for it. `rules` where a route named its own after the lookup: they stand in place of those of the lookup.
   */
  settle(reply: HandlerReply | undefined, rules?: RouteRules): Settled
}

const pass = { kind: 'pass' } as const
const nothing = { kind: 'nothing' } as const
/** How much a head may add to a body. */
const headRoom = 64 * 1024

/** Whole replies to GET, shared by all processes. Made by `createResponseCache`. */
export class ResponseCache {
  readonly maxBodyBytes: number
  readonly #settings: ResponseCacheSettings
  readonly #namespace: Namespace<Stored>
  readonly #bound: VariantBound
  readonly #parsedRules = new WeakMap<RouteRules, RuleSettings>()

  /** @internal */
  constructor(settings: ResponseCacheSettings, namespace: Namespace<Stored>) {
    this.maxBodyBytes = settings.maxBodyBytes
    this.#settings = settings
    this.#namespace = namespace
    this.#bound = new VariantBound(namespace, settings.maxVariants)
  }

  /**
   * What to do with a request. Never rejects: any trouble of the cache is a pass. It waits for Redis within
   * `commandTimeout`, and for another request's rendering of the same page within `wait`.
   */
  async lookup(request: RequestFacts, rules?: RouteRules): Promise<Decision> {
    try {
      const settings = rules === undefined ? this.#settings : this.#read(rules)
      const question = readQuestion(request, settings, this.#settings)
      return question === undefined ? pass : await this.#answer(question, settings)
    } catch {
      return pass
    }
  }

  /**
   * To be called after the reply to any method but GET and HEAD: where that was 2xx or 3xx, what is stored for the URL,
   * and for those that Location and Content-Location name on this host, is dropped.
   */
  afterUnsafe(request: RequestFacts, status: number, headers: HandlerReply['headers']): void {
    try {
      for (const key of outdatedBy(request, status, headers, this.#settings.hosts)) void forget(this.#namespace, key)
    } catch {
      // Headers that cannot be read name no other URL, and a request that cannot be read has none.
    }
  }

  /**
   * Drops what is stored for a URL, all variants, in every process.
   *
   * @throws InvalidArgumentError for a host that is not listed or a path that does not begin with "/"; CacheClosedError
   */
  async invalidate(host: string, path: string): Promise<void> {
    const keys = keysOf(host, path, this.#settings.hosts)
    if (keys.length === 0) {
      throw new InvalidArgumentError(
        'host, path',
        'expected a listed host, and a path with its query as clients send it',
      )
    }
    await Promise.all(keys.map((key) => this.#namespace.delete(key)))
  }

  /**
   * Checks the rules of a route where it is declared.
   *
   * @throws InvalidOptionsError listing every wrong rule
   */
  checkRules(rules: RouteRules): void {
    this.#read(rules)
  }

  #read(rules: RouteRules): RuleSettings {
    const known = this.#parsedRules.get(rules)
    if (known !== undefined) return known
    const parsed = parseRouteRules(rules, this.#settings)
    this.#parsedRules.set(rules, parsed)
    return parsed
  }

  async #answer(question: Question, rules: RuleSettings): Promise<Decision> {
    const { clock } = this.#namespace
    const until = clock.now() + this.#settings.wait
    const decision = await this.#ask(question, rules, until)
    if (decision !== undefined) return decision
    // Who rendered went away before it was done, or had more variants to tell of: one of those who waited takes its place.
    return (clock.now() < until ? await this.#ask(question, rules, until) : undefined) ?? pass
  }

  /** Undefined: it is worth asking once more. */
  async #ask(question: Question, rules: RuleSettings, until: number): Promise<Decision | undefined> {
    const { key } = question
    const found = await this.#get(key, question, until)
    if (found.kind !== 'value' || !(found.value instanceof Variants)) {
      if (rules.vary.length > 0 && found.kind === 'value' && found.value !== undefined) {
        // Stored before the route named the headers that its handler looks at.
        if (found.value instanceof StoredReply) return await this.#dropAndPass(key)
      }
      return this.#decide(found, key, question, rules, undefined)
    }
    const variants = found.value
    if (!rules.vary.every((name) => variants.names.includes(name))) return await this.#dropAndPass(key)
    const hash = variantHash(variants, question.fields)
    const ofVariant = variantKey(key, variants, hash)
    const handed = await this.#get(ofVariant, question, until)
    return this.#decide(handed, ofVariant, question, rules, { of: variants, hash })
  }

  #decide(
    handed: Handed,
    key: string,
    question: Question,
    rules: RuleSettings,
    variant: { readonly of: Variants; readonly hash: string } | undefined,
  ): Decision | undefined {
    if (handed.kind === 'load') {
      const parts = { namespace: this.#namespace, bound: this.#bound, question, rules, load: handed.load, variant }
      return new Rendering(parts, (later) => this.#read(later))
    }
    const now = this.#namespace.clock.now()
    const stored = handed.kind === 'value' ? handed.value : undefined
    if (stored instanceof StoredReply && stored.key === key && suits(question, stored, now)) {
      return { kind: 'reply', ...toReply(stored, question, now) }
    }
    if (question.directives.has('only-if-cached')) return { kind: 'reply', ...notCached() }
    const mayAskAgain = handed.kind === 'value' && stored === undefined && !onlyLooks(question)
    return mayAskAgain ? undefined : pass
  }

  /** HEAD and only-if-cached look and never render: the one has no body to store, the other no handler to ask. */
  async #get(key: string, question: Question, until: number): Promise<Handed> {
    const wait = Math.max(1, until - this.#namespace.clock.now())
    if (!onlyLooks(question)) return await getOrTakeLoad(this.#namespace, key, wait)
    try {
      return { kind: 'value', value: await this.#namespace.get(key, { timeout: wait }) }
    } catch {
      return nothing
    }
  }

  async #dropAndPass(key: string): Promise<Decision> {
    await forget(this.#namespace, key)
    return pass
  }
}

function onlyLooks({ isHead, directives }: Question): boolean {
  return isHead || directives.has('only-if-cached')
}

class Rendering implements Render {
  readonly kind = 'render'
  readonly #parts: Omit<RenderingParts, 'conditionsTaken'>
  readonly #read: (rules: RouteRules) => RuleSettings
  #conditionsTaken = false
  #settled: Settled | undefined

  constructor(parts: Omit<RenderingParts, 'conditionsTaken'>, read: (rules: RouteRules) => RuleSettings) {
    this.#parts = parts
    this.#read = read
  }

  conditions(): Record<string, string> {
    this.#conditionsTaken = true
    return conditionsFor(this.#parts.load.stale)
  }

  settle(reply: HandlerReply | undefined, rules?: RouteRules): Settled {
    const ruled = rules === undefined ? this.#parts : { ...this.#parts, rules: this.#read(rules) }
    this.#settled ??= settleRendering({ ...ruled, conditionsTaken: this.#conditionsTaken }, reply)
    return this.#settled
  }
}

/**
 * A cache of whole replies over a namespace of `cache`: shared by all processes, by RFC 9111 and RFC 5861.
 *
 * @example
 * const responses = createResponseCache(cache, { name: 'pages', hosts: ['shop.example'], ttl: '1m' })
 * @throws InvalidOptionsError listing every wrong option; CacheClosedError
 */
export function createResponseCache(cache: Cache, options: ResponseCacheOptions): ResponseCache {
  const settings = parseResponseCacheOptions(options)
  const namespace = cache.namespace<Stored>({
    name: settings.name,
    // Of the lists of variants alone: replies bring their own.
    ttl: '1h',
    // Age and max-age are promises to clients.
    ttlJitter: 0,
    earlyExpiration: false,
    staleWhileRevalidate: 0,
    staleIfError: 0,
    staleness: stalenessOfStored,
    // A handler that never ends must not hold its page for ever. It is not for the cache to end it before.
    loadTimeout: '1m',
    softLoadTimeout: '1h',
    lease: { wait: settings.wait },
    // The handlers are guarded by whoever guards the service: what the cache does not answer, they do.
    source: { concurrency: 10_000, queue: 0 },
    serializer: storedCodec,
    maxValueBytes: settings.maxBodyBytes + headRoom,
    maxRedisBytes: settings.maxRedisBytes,
    priority: 'expendable',
    local: { clone: false },
  })
  return new ResponseCache(settings, namespace)
}
