import type { Cache } from '../cache.ts'
import { createResponseCache, type HandlerReply, type RequestFacts, type ResponseCache } from '../http/index.ts'
import type { ResponseCacheOptions, RouteRules } from '../http/response-cache-options.ts'
import { openLocalCache } from './local-cache.ts'
import type { SteppingClock } from './stepping-clock.ts'

/** What a client got, and who answered. */
export interface Answer {
  readonly by: 'cache' | 'handler' | 'passed'
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

export type Request = Partial<RequestFacts>
export type Handler = Partial<Omit<HandlerReply, 'body'>> & { readonly body?: string | Buffer | undefined }

/** A service of one page in front of which a response cache stands; its time is the test's. */
export interface Service {
  readonly clock: SteppingClock
  readonly cache: Cache
  readonly responses: ResponseCache
  /** Sends a request, and answers it by the handler where the cache does not. */
  send(request?: Request, handler?: Handler | 'fails', rules?: RouteRules): Promise<Answer>
}

export const host = 'shop.example'

export function openService(options: Partial<ResponseCacheOptions> = {}): Service {
  const { clock, cache } = openLocalCache()
  const responses = createResponseCache(cache, { name: 'pages', hosts: [host], ...options })
  let rendered = 0
  return {
    ...{ clock, cache, responses },
    async send(request = {}, handler = {}, rules) {
      const facts = factsOf(request)
      const decision = await responses.lookup(facts, rules)
      if (decision.kind === 'reply') return { by: 'cache', ...decision, body: decision.body.toString() }
      if (handler === 'fails') {
        const settled = decision.kind === 'render' ? decision.settle(undefined) : { headers: {} }
        const instead = settled.instead ?? { status: 500, headers: {}, body: Buffer.alloc(0) }
        return { by: 'handler', ...instead, body: instead.body.toString() }
      }
      const reply = replyOf(handler, `page ${++rendered}`)
      const settled = decision.kind === 'render' ? decision.settle(reply) : { headers: {} }
      if (decision.kind === 'pass') responses.afterUnsafe(facts, reply.status, reply.headers)
      const { status, headers, body } = settled.instead ?? reply
      // What is stored is stored by now: without Redis nothing is waited for but promises.
      await clock.advance(0)
      const by = decision.kind === 'render' ? 'handler' : 'passed'
      return { by, status, headers: { ...headers, ...settled.headers }, body: String(body) }
    },
  }
}

export function factsOf(request: Request): RequestFacts {
  return { method: 'GET', scheme: 'https', host, target: '/page', headers: {}, ...request }
}

export function replyOf(handler: Handler, body: string): HandlerReply {
  const given = { status: 200, headers: { 'cache-control': 'max-age=60' }, personal: false, body, ...handler }
  return { ...given, body: typeof given.body === 'string' ? Buffer.from(given.body) : given.body }
}
