import type { ServerResponse } from 'node:http'

const methods = ['flushHeaders', 'writeHead', 'write', 'end'] as const

/** The methods by which a reply leaves the process. */
export type ReplyMethod = (typeof methods)[number]

export interface InterceptedReply {
  /** Calls what stood there before. */
  call(method: ReplyMethod, args: readonly unknown[]): unknown
  /** Takes the interception out, unless somebody has put another one on top of it: then it only passes calls on. */
  release(): void
}

/** Puts itself in front of all that sends: for whatever has to see a reply before the client does. */
export function interceptReply(
  res: ServerResponse,
  intercept: (method: ReplyMethod, args: readonly unknown[]) => unknown,
): InterceptedReply {
  const before = new Map(methods.map((method) => [method, { function: res[method], own: Object.hasOwn(res, method) }]))
  let released = false

  const call = (method: ReplyMethod, args: readonly unknown[]): unknown =>
    Reflect.apply(before.get(method)?.function ?? (() => undefined), res, args)
  const ours = new Map(
    methods.map((method) => [
      method,
      (...args: readonly unknown[]): unknown => (released ? call(method, args) : intercept(method, args)),
    ]),
  )
  for (const [method, replacement] of ours) Reflect.set(res, method, replacement)

  return {
    call,
    release: () => {
      released = true
      for (const [method, replacement] of ours) {
        if (Reflect.get(res, method) !== replacement) continue
        const earlier = before.get(method)
        if (earlier?.own) Reflect.set(res, method, earlier.function)
        else Reflect.deleteProperty(res, method)
      }
    },
  }
}

/** `write` and `end` take (chunk?, encoding?, callback?), with any of them left out. */
export function chunkOf(args: readonly unknown[]): Buffer | undefined {
  const [chunk, encoding] = args
  if (typeof chunk === 'string') {
    return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8')
  }
  return chunk instanceof Uint8Array ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength) : undefined
}

export function callbackOf(args: readonly unknown[]): (() => void) | undefined {
  const last = args.findLast((argument) => typeof argument === 'function')
  return last as (() => void) | undefined
}
