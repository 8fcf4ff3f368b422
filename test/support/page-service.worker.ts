import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { createResponseCache, type HandlerReply, type RequestFacts } from '../../packages/core/src/http/index.ts'
import { createCache } from '../../packages/core/src/index.ts'
import { answerRequests } from './fleet-worker.ts'

/** One process of a service whose pages are cached, on node:http alone. The first part of a path says how its page is stored. */
const cacheControl: Readonly<Record<string, string>> = {
  brief: 'max-age=1',
  stale: 'max-age=1, stale-while-revalidate=60',
  reserve: 'max-age=1, stale-if-error=60',
  long: 'max-age=600',
  varied: 'max-age=600',
  private: 'private, max-age=600',
}

// All processes answer for one host, whatever port each listens on.
const host = 'shop.example'
const cache = createCache({ name: 'shop', redis: process.argv[2] ?? '' })
const responses = createResponseCache(cache, { name: 'pages', hosts: [host], maxVariants: 5 })
let renders = 0
let failing = false

async function render({ target }: RequestFacts): Promise<HandlerReply> {
  const own = ++renders
  const [, kind = ''] = target.split(/[/?]/)
  // Long enough for a thousand requests to come in meanwhile.
  await pause(kind === 'stale' ? 2_000 : 100)
  if (failing) return { status: 503, headers: {}, body: Buffer.from('failed'), personal: false }
  const headers: Record<string, string> = { 'cache-control': cacheControl[kind] ?? 'no-store' }
  if (kind === 'varied') headers['vary'] = 'accept-language'
  return { status: 200, headers, body: Buffer.from(`${process.pid}:${own}`), personal: false }
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = '', url: target = '', headers } = request
  const facts: RequestFacts = { method, scheme: 'http', host, target, headers }
  const decision = await responses.lookup(facts)
  if (decision.kind === 'reply') return send(response, decision)
  const reply = await render(facts)
  const settled = decision.kind === 'render' ? decision.settle(reply) : undefined
  send(response, settled?.instead ?? { ...reply, headers: { ...reply.headers, ...settled?.headers } })
  if (decision.kind === 'pass') responses.afterUnsafe(facts, reply.status, reply.headers)
}

function send(response: ServerResponse, reply: Pick<HandlerReply, 'status' | 'headers' | 'body'>): void {
  response.writeHead(reply.status, reply.headers as Record<string, string>)
  response.end(reply.body)
}

const server = createServer((request, response) => void answer(request, response))

export type PageCall = 'port' | 'renders' | 'fail'

answerRequests(
  async (call: PageCall): Promise<number> => {
    if (call === 'renders') return renders
    if (call === 'fail') failing = true
    if (call === 'port' && !server.listening) {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    }
    return (server.address() as AddressInfo).port
  },
  async () => {
    server.close()
    server.closeAllConnections()
    await cache.close()
  },
)
