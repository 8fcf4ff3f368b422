import {
  type CachedReply,
  isSafeMethod,
  type Render,
  type RequestFacts,
  type ResponseCache,
  type RouteRules,
  takeConditions,
} from '@plimsoll/core/http'
import type { Request, RequestHandler, Response } from 'express'
import { gatherReply } from './gathered-reply.ts'
import { interceptReply } from './intercepted-reply.ts'
import { watchPersonal } from './personal-request.ts'
import { removePageHeaders } from './reply-headers.ts'

/** What the adapter needs of the core's response cache. */
export type ResponsesOfCore = Pick<ResponseCache, 'maxBodyBytes' | 'checkRules' | 'lookup' | 'afterUnsafe'>

const ofBodies = ['content-type', 'content-length', 'content-encoding', 'transfer-encoding']
const nothing = Buffer.alloc(0)

interface UnderWay {
  readonly responses: ResponsesOfCore
  rules: RouteRules | undefined
}

/** Requests whose handler is rendering: a second middleware of the same cache would wait for its own request. */
const underWay = new WeakMap<Request, UnderWay>()

/**
 * Serves replies from the response cache, and offers it those that the handlers behind it make. A reply is never kept where its
 * handler has looked at the session, at `req.user` or at the cookies. Mount it behind the session middleware and in front
 * of the routes; replies to unsafe methods that pass through it invalidate what is kept of their URL.
 *
 * @throws InvalidOptionsError where a rule is wrong
 * @example
 * const responses = createResponseCache(cache, { name: 'pages', hosts: ['shop.example'] })
 * app.get('/products/:id', responseCache(responses, { ttl: '1m', public: true }), showProduct)
 */
export function responseCache(responses: ResponsesOfCore, rules?: RouteRules): RequestHandler {
  if (rules) responses.checkRules(rules)
  return (req, res, next) => {
    const outer = underWay.get(req)
    if (outer?.responses === responses) {
      outer.rules = rules ?? outer.rules
      next()
      return
    }
    const facts = factsOf(req)
    responses
      .lookup(facts, rules)
      .then((decision) => {
        if (decision.kind === 'reply') {
          setReply(res, decision)
          res.end(decision.body)
          return
        }
        if (decision.kind === 'render') {
          const rendering = { responses, rules }
          underWay.set(req, rendering)
          render(req, res, decision, rendering)
        }
        if (decision.kind === 'pass' && !isSafeMethod(req.method)) tellUnsafe(responses, facts, res)
        next()
      })
      .catch(next)
  }
}

function render(req: Request, res: Response, decision: Pick<Render, 'settle'>, rendering: UnderWay): void {
  // The client went away during the lookup: there is no 'close' to come, nor perhaps an end.
  if (res.closed) {
    decision.settle(undefined)
    return
  }
  // Answered from the complete page at the end.
  const asked = takeConditions(req.headers)
  const personal = watchPersonal(req)
  const settled = (body: Buffer | undefined) =>
    decision.settle(
      { status: res.statusCode, headers: res.getHeaders(), body, personal: personal.stop() },
      rendering.rules,
    )

  gatherReply(res, rendering.responses.maxBodyBytes, {
    complete: (body) => {
      const { headers, instead } = settled(body)
      Object.assign(req.headers, asked)
      if (instead) {
        removePageHeaders(res)
        setReply(res, instead)
        return instead.body
      }
      setReply(res, { status: res.statusCode, headers })
      if (!req.fresh) return body
      res.statusCode = 304
      for (const name of ofBodies) res.removeHeader(name)
      return nothing
    },
    streamed: () => {
      const { headers } = settled(undefined)
      if (!res.headersSent) setReply(res, { status: res.statusCode, headers })
    },
    abandoned: () => {
      personal.stop()
      decision.settle(undefined)
    },
  })
}

function setReply(res: Response, { status, headers }: Pick<CachedReply, 'status' | 'headers'>): void {
  res.statusCode = status
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value)
}

/** Before the reply goes out, so that the client that changed something reads it changed. */
function tellUnsafe(responses: ResponsesOfCore, facts: RequestFacts, res: Response): void {
  const reply = interceptReply(res, (method, args) => {
    if (method === 'writeHead') res.statusCode = Number(args[0])
    if (method === 'end') {
      reply.release()
      responses.afterUnsafe(facts, res.statusCode, res.getHeaders())
    }
    return reply.call(method, args)
  })
}

function factsOf(req: Request): RequestFacts {
  return {
    method: req.method,
    scheme: req.protocol === 'https' ? 'https' : 'http',
    host: req.headers.host,
    target: req.originalUrl,
    // A copy: the conditions are taken out of the request's own.
    headers: { ...req.headers },
  }
}
