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
 * it. A reply over `maxBytes`, or one whose headers the handler flushes, is let go at once and passes through from there.
 */
export function gatherReply(
  res: ServerResponse,
  maxBytes: number,
  { complete, streamed, abandoned }: GatheredReply,
): void {
  const chunks: Buffer[] = []
  const written: (() => void)[] = []
  let bytes = 0
  let settled = false

  const reply = interceptReply(res, (method, args) => {
    switch (method) {
      case 'writeHead':
        noteHead(res, args)
        return res
      case 'flushHeaders':
        letGo()
        return reply.call(method, args)
      case 'write': {
        if (!gather(args)) return passOn(method, args)
        const callback = callbackOf(args)
        if (callback) written.push(callback)
        return true
      }
      case 'end': {
        if (!gather(args)) return passOn(method, args)
        const callback = callbackOf(args)
        const body = settle(() => complete(Buffer.concat(chunks)))
        const whole = body && body.length > 0 ? [body] : []
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
    reply.release()
    return tell()
  }
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
