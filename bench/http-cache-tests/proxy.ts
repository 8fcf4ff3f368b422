import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createResponseCache, type HandlerReply } from '../../packages/core/src/http/index.ts'
import { createCache } from '../../packages/core/src/index.ts'

const hopByHop = new Set(['connection', 'keep-alive', 'transfer-encoding'])

/** A proxy of nothing but the response cache, so that a suite which tests caches in front of a server can test it. */
export async function startProxy(origin: number): Promise<number> {
  const responses = createResponseCache(createCache({ name: 'suite' }), { name: 'pages', hosts: ['localhost'] })
  const server = createServer(async (req, res) => {
    const body = await bodyOf(req)
    const host = 'localhost'
    const asked = {
      method: req.method ?? '',
      scheme: 'http' as const,
      host,
      target: req.url ?? '',
      headers: headersOf(req),
    }
    const decision = await responses.lookup(asked, { public: true })
    if (decision.kind === 'reply') return send(res, decision)
    const forwarded = { ...req.headers }
    if (decision.kind === 'render') {
      delete forwarded['if-none-match']
      delete forwarded['if-modified-since']
      Object.assign(forwarded, decision.conditions())
    }
    const reply = await ask(origin, { ...req, method: req.method, url: req.url, headers: forwarded }, body).catch(
      () => undefined,
    )
    if (decision.kind === 'render') {
      const { instead, headers } = decision.settle(reply && { ...reply, personal: false })
      if (instead) return send(res, instead)
      if (reply) return send(res, { ...reply, headers: { ...reply.headers, ...headers } })
    } else if (reply) responses.afterUnsafe(asked, reply.status, reply.headers)
    send(res, reply ?? { status: 502, headers: { 'server-request-count': '2' }, body: Buffer.alloc(0) })
  })
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve))
  return (server.address() as AddressInfo).port
}

type Asked = Pick<IncomingMessage, 'method' | 'url' | 'headers'>
type Reply = Pick<HandlerReply, 'status' | 'headers'> & { readonly body: Buffer }

function ask(port: number, { method, url, headers }: Asked, body: Buffer): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const options = { port, host: '127.0.0.1', method, path: url, headers, agent: false as const }
    const out = request(options, (res) => {
      bodyOf(res).then((body) => resolve({ status: res.statusCode ?? 0, headers: headersOf(res), body }), reject)
    })
    out.on('error', reject)
    out.end(body)
  })
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function headersOf(message: IncomingMessage): Record<string, string | readonly string[]> {
  const distinct = Object.entries(message.headersDistinct)
  return Object.fromEntries(
    distinct.map(([name, values = []]) => [name, values.length === 1 ? (values[0] ?? '') : values]),
  )
}

function send(res: ServerResponse, { status, headers, body }: Reply): void {
  res.statusCode = status
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || hopByHop.has(name)) continue
    res.setHeader(name, typeof value === 'object' ? [...value] : value)
  }
  res.end(body)
}
