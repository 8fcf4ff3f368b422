import { Readable } from 'node:stream'
import {
  type CachedReply,
  type HandlerReply,
  isSafeMethod,
  type Render,
  type RequestFacts,
  type ResponseCache,
  type RouteRules,
  takeConditions,
} from '@plimsoll/core/http'
import type { FastifyInstance, FastifyReply, FastifyRequest, preHandlerHookHandler, RouteOptions } from 'fastify'
import { captureStream } from './capture-stream.ts'
import { clearReply } from './clear-reply.ts'
import { isPersonal, watchCredentials, watchPersonal } from './personal-request.ts'

/** What the adapter needs of the core's `ResponseCache`. */
export type ResponsesOfCore = Pick<ResponseCache, 'maxBodyBytes' | 'checkRules' | 'lookup' | 'afterUnsafe'>

interface Rendering {
  readonly render: Render
  /** The client's own conditions. */
  readonly asked: Readonly<Record<string, unknown>>
}

const noBody = Buffer.alloc(0)

/**
 * Caches the replies of routes that say `config: { cache: { … } }`. The cache is asked last before the handler, when all
 * hooks that guard the route have let the request pass. The reply is gathered before sessions add their cookie to it:
 * a rolling cookie is on its way to one visitor, and makes the page neither theirs nor uncacheable.
 */
export function cacheReplies(fastify: FastifyInstance, responses: ResponsesOfCore): void {
  /** Until the handler's reply is handed over. */
  const rendering = new WeakMap<FastifyRequest, Rendering>()

  fastify.addHook('onRoute', (route) => {
    const rules = route.config?.cache
    if (!rules) return
    const ruled = withVersion(rules, route.constraints)
    responses.checkRules(ruled)
    route.preHandler = [route.preHandler ?? [], lookup(ruled)].flat()
  })
  fastify.addHook('onSend', (request, reply, payload, done) => {
    const found = rendering.get(request)
    if (found) {
      // An error in a later hook sends another reply, which is not the handler's.
      rendering.delete(request)
      Object.assign(request.headers, found.asked)
      return done(null, settle(found.render, request, reply, payload, responses.maxBodyBytes))
    }
    if (!isSafeMethod(request.method)) {
      responses.afterUnsafe(factsOf(request), reply.statusCode, headersOf(reply))
    }
    done()
  })

  function lookup(rules: RouteRules): preHandlerHookHandler {
    return async (request, reply) => {
      const decision = await responses.lookup(factsOf(request), rules)
      if (decision.kind === 'reply') return reply.send(prepare(request, reply, decision) ?? undefined)
      if (decision.kind === 'render') {
        rendering.set(request, { render: decision, asked: exchange(request, decision.conditions()) })
        watchCredentials(request)
        const abandon = () => {
          if (rendering.delete(request)) decision.settle(undefined)
        }
        // Where the client goes away, or has gone during the lookup, or the handler takes the reply over: others wait for it.
        if (reply.raw.closed) abandon()
        else reply.raw.once('close', abandon)
      }
      return undefined
    }
  }
}

/** Notes on routes with a cache who looks at what is personal. To be called after sessions have added their hooks. */
export function watchRequests(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, _reply, done) => {
    if (request.routeOptions.config.cache) watchPersonal(request)
    done()
  })
}

/** Routes of several versions share one address: it is the header that chooses among them, whether the replies say so or not. */
function withVersion(rules: RouteRules, constraints: RouteOptions['constraints']): RouteRules {
  if (constraints?.['version'] === undefined) return rules
  return { ...rules, vary: [...(rules.vary ?? []), 'accept-version'] }
}

/** Hands the reply over; answers the payload that goes out. */
function settle(
  render: Render,
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  maxBytes: number,
): unknown {
  const facts = { status: reply.statusCode, headers: headersOf(reply) }
  if (payload instanceof Readable && reply.statusCode < 500) {
    // Its headers leave before it has been read, so that there is nothing to add to them.
    return captureStream(payload, maxBytes, (body) => {
      render.settle(body === 'failed' ? undefined : { ...facts, personal: isPersonal(request), body })
    })
  }
  const body = bytesOf(payload, maxBytes)
  const { headers, instead } = render.settle({ ...facts, personal: isPersonal(request), body })
  if (instead) {
    clearReply(reply, payload)
    return prepare(request, reply, instead)
  }
  reply.headers(headers)
  return payload
}

/** Puts these conditions in place of the client's, which it answers: the handler is to make a reply that others can use. */
function exchange(request: FastifyRequest, conditions: Readonly<Record<string, string>>): Record<string, unknown> {
  const asked = takeConditions(request.headers)
  Object.assign(request.headers, conditions)
  return asked
}

/** Answers the payload of a reply from the cache. */
function prepare(request: FastifyRequest, reply: FastifyReply, { status, headers, body }: CachedReply): unknown {
  reply.code(status).headers(headers)
  // Fastify's HEAD routes count the length of what they leave out, except of a stream: the header is right already.
  if (request.method === 'HEAD') return Readable.from([])
  return body.length > 0 ? body : null
}

/** Undefined for what is too large, or can only be read once. */
function bytesOf(payload: unknown, maxBytes: number): Buffer | undefined {
  if (payload === undefined || payload === null) return noBody
  if (typeof payload === 'string') {
    return Buffer.byteLength(payload) > maxBytes ? undefined : Buffer.from(payload)
  }
  return Buffer.isBuffer(payload) && payload.length <= maxBytes ? payload : undefined
}

function factsOf(request: FastifyRequest): RequestFacts {
  return {
    method: request.method,
    scheme: request.protocol,
    host: request.host || undefined,
    target: request.originalUrl,
    // A copy: the conditions are taken out of the request's own.
    headers: { ...request.headers },
  }
}

function headersOf(reply: FastifyReply): HandlerReply['headers'] {
  return reply.getHeaders() as HandlerReply['headers']
}
