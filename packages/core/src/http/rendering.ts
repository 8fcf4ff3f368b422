import type { Namespace } from '../namespace.ts'
import { KeyFailedError } from '../read/source.ts'
import type { HandedLoad } from './handover.ts'
import type { Question } from './question.ts'
import { type CachedReply, said, toReply, toStoredReply } from './replies.ts'
import type { HandlerReply } from './request-facts.ts'
import type { RuleSettings } from './response-cache-options.ts'
import { freshen } from './revalidation.ts'
import { judgeReply, type Storable } from './storability.ts'
import { type Stored, StoredReply, Unshared, type Variants } from './stored.ts'
import { newVariants, type VariantBound, variantHash, variantKey } from './variants.ts'

/** What becomes of the handler's own reply. */
export interface Settled {
  /** To add to the reply that is sent on. */
  readonly headers: Record<string, string>
  /**
   * To send in place of it: the older reply where the handler failed (stale-if-error) or confirmed it, or a 304 where the
   * client has this one already.
   */
  readonly instead?: CachedReply
}

export interface RenderingParts {
  readonly namespace: Namespace<Stored>
  readonly bound: VariantBound
  readonly question: Question
  readonly rules: RuleSettings
  readonly load: HandedLoad
  /** The handler saw our conditions and not the client's, so a 304 confirms the stale reply. */
  readonly conditionsTaken: boolean
  /** Where the URL has variants: which one is rendered. */
  readonly variant: { readonly of: Variants; readonly hash: string } | undefined
}

/** For so long the followers of a reply that may not be stored go to the handler without waiting for each other. */
const unsharedFor = 2_000
/** RFC 5861 section 4. */
const failures = new Set([500, 502, 503, 504])
/** A list of variants outlives them, or their turn to be rendered anew would come together with its own. */
const listLife = { factor: 4, least: 600_000 }

/** Takes the handler's reply: decides whether others may have it, and ends the load that they wait for. Never throws. */
export function settleRendering(parts: RenderingParts, reply: HandlerReply | undefined): Settled {
  const { load, namespace, question } = parts
  const now = namespace.clock.now()
  try {
    if (reply === undefined || failures.has(reply.status)) {
      const instead = olderReply(load, question, now)
      if (instead !== undefined) {
        // One bad page, or a client that went away, must not take the others out of the cache.
        load.fail(new KeyFailedError())
        return { headers: {}, instead }
      }
    }
    const confirmed = reply?.status === 304 && parts.conditionsTaken && load.stale instanceof StoredReply
    if (confirmed) return settle(parts, freshen(load.stale, reply), now, true)
    // The client went away, or its own precondition was met: that says nothing of the page.
    if (reply === undefined || reply.status === 304) {
      load.skip()
      return { headers: {} }
    }
    return settle(parts, reply, now, false)
  } catch {
    load.skip()
    return { headers: {} }
  }
}

/** `freshened`: the reply is not the one that the handler gave, so the client must get it from here. */
function settle(parts: RenderingParts, reply: HandlerReply, now: number, freshened: boolean): Settled {
  const { question, rules, load } = parts
  const storable = judgeReply(question, reply, rules, now)
  if (storable !== undefined) return keep(parts, storable, now, freshened)
  load.store(new Unshared(), unsharedFor)
  if (!freshened) return { headers: {} }
  const { status, headers, body } = reply
  return { headers: {}, instead: { status, headers: headers as CachedReply['headers'], body: body ?? Buffer.alloc(0) } }
}

function olderReply({ stale }: HandedLoad, question: Question, now: number): CachedReply | undefined {
  if (!(stale instanceof StoredReply) || now >= stale.freshUntil + stale.staleIfError) return undefined
  return toReply(stale, question, now)
}

function keep(parts: RenderingParts, storable: Storable, now: number, freshened: boolean): Settled {
  const { question, load, variant } = parts
  const ttl = storable.bornAt + storable.freshFor - now
  if (variant !== undefined) void keepVariant(parts, variant, storable, ttl, now)
  else if (storable.vary.length > 0) void keepFirstVariant(parts, storable, ttl, now)
  else load.store(toStoredReply(question.key, storable, now), ttl)

  const shown = toStoredReply(question.key, storable, now)
  const fwd = load.stale instanceof StoredReply ? 'stale' : variant === undefined ? 'uri-miss' : 'vary-miss'
  const headers = { 'cache-status': said(shown.headers['cache-status'], `fwd=${fwd}; stored`) }
  const reply = toReply(shown, question, now)
  if (reply.status === 304 || freshened) {
    return { headers, instead: { ...reply, headers: { ...reply.headers, ...headers } } }
  }
  const { etag } = shown.headers
  return { headers: typeof etag === 'string' && !storable.fields.has('etag') ? { ...headers, etag } : headers }
}

/** Stores the variant first: whoever is told of the variants finds it there. */
async function keepFirstVariant(parts: RenderingParts, storable: Storable, ttl: number, now: number): Promise<void> {
  const { namespace, bound, question, load } = parts
  const variants = newVariants(storable.vary)
  const hash = variantHash(variants, question.fields)
  const key = variantKey(question.key, variants, hash)
  await bound.admit(question.key, variants, hash)
  await put(namespace, key, toStoredReply(key, storable, now), ttl)
  load.store(variants, lifeOfList(storable, ttl))
}

async function keepVariant(
  { namespace, bound, question, load }: RenderingParts,
  { of, hash }: { readonly of: Variants; readonly hash: string },
  storable: Storable,
  ttl: number,
  now: number,
): Promise<void> {
  if (!storable.vary.every((name) => of.names.includes(name))) {
    // More headers choose than was known: nothing that is stored tells by them, so all of it goes.
    load.skip()
    const names = [...new Set([...of.names, ...storable.vary])].sort()
    await forget(namespace, question.key)
    await put(namespace, question.key, newVariants(names), lifeOfList(storable, ttl))
    return
  }
  const key = variantKey(question.key, of, hash)
  if (await bound.admit(question.key, of, hash)) load.store(toStoredReply(key, storable, now), ttl)
  else load.skip()
}

function lifeOfList({ staleWhileRevalidate, staleIfError }: Storable, ttl: number): number {
  return Math.max(listLife.least, listLife.factor * (ttl + Math.max(staleWhileRevalidate, staleIfError)))
}

async function put(namespace: Namespace<Stored>, key: string, value: Stored, ttl: number): Promise<void> {
  const load = (_key: string, context: { ttl(milliseconds: number): void }) => {
    context.ttl(Math.max(1, Math.ceil(ttl)))
    return value
  }
  await namespace.get(key, { load }).catch(() => {})
}

/** Never rejects: a deletion that Redis did not take is remembered there, and a closed cache holds nothing. */
export function forget(namespace: Namespace<Stored>, key: string): Promise<void> {
  return namespace.delete(key).catch(() => {})
}
