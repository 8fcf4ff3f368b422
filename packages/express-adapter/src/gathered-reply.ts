import type { ServerResponse } from 'node:http'
import { callbackOf, chunkOf, interceptReply, type ReplyMethod } from './intercepted-reply.ts'

export interface GatheredReply {
  /** The reply is complete: answers the body to send. */
  complete(body: Buffer): Buffer
  /** It is more than `maxBytes`, or its handler has begun to stream it. */
  streamed(): void
  /** The client went away before. */
  abandoned(): void
}

/**
 * Keeps a reply until it is complete, tells of it once, and lets it go: what the listener sets on `res` goes out with
 * it. A reply over `maxBytes`, a stream of events, or one whose headers the handler flushes, is let go at once and passes
 * through from there.
 */
export function gatherReply(
  res: ServerResponse,
  maxBytes: number,
  { complete, streamed, abandoned }: GatheredReply,
): void {
  const chunks: Buffer[] = []
  const written: (() => void)[] = []
  let bytes = 0
  let begun = false
  let headNoted = false
  let settled = false

  // To the handler it has left: an error that comes then must not be put behind the half of a page.
  Object.defineProperty(res, 'headersSent', { configurable: true, get: () => begun })
  const reply = interceptReply(res, (method, args) => {
    switch (method) {
      case 'writeHead':
        noteHead(res, args)
        begun = true
        headNoted = true
        return res
      case 'flushHeaders':
        letGo()
        return reply.call(method, args)
      case 'write': {
        begun = true
        if (isLive(res) || !gather(args)) return passOn(method, args)
        const callback = callbackOf(args)
        if (callback) written.push(callback)
        return true
      }
      case 'end': {
        if (!gather(args)) return passOn(method, args)
        const callback = callbackOf(args)
        // Whoever adds headers when the head is written, behind this, does it now: a cookie must be seen before the reply is kept.
        if (!headNoted) res.writeHead(res.statusCode)
        const body = settle(() => complete(Buffer.concat(chunks)))
        const whole = body && body.length > 0 ? [body] : []
        // More than was announced would be read as the beginning of the next reply.
        if (body && Number(res.getHeader('content-length')) < body.length) res.removeHeader('content-length')
        const ended = reply.call('end', callback ? [...whole, callback] : whole)
        for (const tell of written) process.nextTick(tell)
        return ended
      }
    }
  })
  res.once('close', () => settle(abandoned))

  /** False: it would be too much. */
  function gather(args: readonly unknown[]): boolean {
    const chunk = chunkOf(args)
    if (chunk && bytes + chunk.length > maxBytes) return false
    if (chunk) {
      bytes += chunk.length
      chunks.push(chunk)
    }
    return true
  }

  function passOn(method: ReplyMethod, args: readonly unknown[]): unknown {
    letGo()
    return reply.call(method, args)
  }

  function letGo(): void {
    settle(streamed)
    if (chunks.length > 0) reply.call('write', [Buffer.concat(chunks)])
    for (const tell of written) process.nextTick(tell)
  }

  function settle<Result>(tell: () => Result): Result | undefined {
    if (settled) return undefined
    settled = true
    Reflect.deleteProperty(res, 'headersSent')
    reply.release()
    return tell()
  }
}

/** Events are of use at once or not at all. */
function isLive(res: ServerResponse): boolean {
  return String(res.getHeader('content-type')).startsWith('text/event-stream')
}

/** Sets what `writeHead(status, reason?, headers?)` was given, in every form that Node takes it, so that it can be looked at. */
function noteHead(res: ServerResponse, args: readonly unknown[]): void {
  res.statusCode = Number(args[0])
  if (typeof args[1] === 'string') res.statusMessage = args[1]
  const headers = args.findLast((argument) => typeof argument === 'object' && argument !== null)
  if (!headers) return
  for (const [name, value] of headerPairs(headers)) {
    if (res.hasHeader(name) && Array.isArray(headers)) res.appendHeader(name, value)
    else res.setHeader(name, value)
  }
}

type HeaderPair = readonly [name: string, value: string]

function headerPairs(headers: object): readonly HeaderPair[] {
  if (!Array.isArray(headers)) return Object.entries(headers) as unknown as HeaderPair[]
  if (headers.every(Array.isArray)) return headers as unknown as HeaderPair[]
  return headers.flatMap((name, index) => (index % 2 === 0 ? [[name, headers[index + 1]] as HeaderPair] : []))
}
