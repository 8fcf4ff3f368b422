import type { ServerResponse } from 'node:http'
import { type InterceptedReply, interceptReply, type ReplyMethod } from './intercepted-reply.ts'
import { headersOf, setHeaders } from './reply-headers.ts'

/** What becomes of a reply: it goes out as the handler made it, or somebody else takes it over. */
export type Verdict = 'send' | TakeOver

export interface TakeOver {
  /** Makes another reply, once nothing of the first one is left. `end` sends it. */
  takeOver(end: (body: string) => void): void
  /** The handler's error handlers make the other reply, and so the guard lets it pass. */
  readonly again?: boolean
}

export interface ReplyGuard {
  /** Asked before the first byte. A promise holds the reply back. */
  beforeHeaders(): Verdict | Promise<Verdict>
  /** Asked before the end of a reply whose headers went out before. What it takes over is cut off. */
  beforeEnd(): Verdict | Promise<Verdict>
  /** What the handler sent could not be sent after all, as Node says. */
  broken(error: unknown): TakeOver
  /** Stands round the very end, where express-session would save. */
  ending(end: () => unknown): unknown
}

type Call = readonly [method: ReplyMethod, args: readonly unknown[]]

/**
 * Asks the guard before anything of a reply is sent, and keeps what the handler sends meanwhile, in order. To the
 * handler a reply that is held back looks as if it were under way: its headers are sent, and its stream is full until the
 * 'drain'. How long that takes is bounded by the guard, so writers that mind the 'drain' hold one chunk at most.
 */
export function guardReply(res: ServerResponse, guard: ReplyGuard): void {
  let state: 'untouched' | 'held' | 'under way' | 'ended' | 'taken over' = 'untouched'
  let held: Call[] = []
  let tellDrain = (): void => {}

  const reply: InterceptedReply = interceptReply(res, (method, args) => {
    if (state === 'held') return hold(method, args)
    // A handler that has not noticed goes on writing.
    if (state === 'taken over') return method === 'write' ? true : res
    if (state === 'ended' || (state === 'under way' && method !== 'end')) return send(method, args)

    if (method === 'writeHead') res.statusCode = Number(args[0])
    const verdict = state === 'untouched' ? guard.beforeHeaders() : guard.beforeEnd()
    if (verdict === 'send') return send(method, args)
    if (!(verdict instanceof Promise)) {
      obey(verdict)
      return method === 'write' ? true : res
    }
    const resume = holdHeaders(res)
    tellDrain = hearDrainListeners(res)
    state = 'held'
    verdict
      .then((settled) => {
        resume()
        if (settled === 'send') sendHeld()
        else obey(settled)
      })
      // Of a header or a chunk that is none, Node would have told the handler, which is no longer there to hear it.
      .catch((error: unknown) => obey(guard.broken(error)))
    return hold(method, args)
  })

  function hold(method: ReplyMethod, args: readonly unknown[]): unknown {
    // What compresses sees no head while it is held back, and writes it with every chunk; Node takes one, before all else.
    if (method !== 'writeHead' || held.length === 0) held.push([method, args])
    return method === 'write' ? false : res
  }

  function send(method: ReplyMethod, args: readonly unknown[]): unknown {
    if (method !== 'end') {
      state = state === 'ended' ? state : 'under way'
      return reply.call(method, args)
    }
    state = 'ended'
    return guard.ending(() => reply.call('end', args))
  }

  function sendHeld(): void {
    const calls = held
    held = []
    state = 'under way'
    for (const [method, args] of calls) send(method, args)
    if (!res.writableEnded) tellDrain()
  }

  function obey({ takeOver, again }: TakeOver): void {
    held = []
    // Half of it is with the client: to cut it off is the only way left to say that it is not what it seems.
    if (res.headersSent) res.destroy()
    if (res.headersSent && !again) {
      state = 'taken over'
      return
    }
    // Calls from below, to write the head, pass.
    state = again ? 'under way' : 'ended'
    takeOver((body) => guard.ending(() => reply.call('end', [body])))
    if (!again) state = 'taken over'
  }
}

/** Keeps what the handler has decided until it is sent: errors that come later must find headers that are sent. */
function holdHeaders(res: ServerResponse): () => void {
  if (res.headersSent) return () => {}
  const { statusCode, statusMessage } = res
  const headers = headersOf(res)
  Object.defineProperty(res, 'headersSent', { configurable: true, value: true })
  return () => {
    Reflect.deleteProperty(res, 'headersSent')
    res.statusCode = statusCode
    res.statusMessage = statusMessage
    setHeaders(res, headers)
  }
}

/**
 * Middleware that compresses hands the listeners of a reply's 'drain' on to its own stream, which was never full. Who has
 * begun to wait while the reply is held back is told, wherever the listener has gone.
 */
function hearDrainListeners(res: ServerResponse): () => void {
  const { on } = res
  const wasOwn = Object.hasOwn(res, 'on')
  const waiting: (() => void)[] = []
  res.on = (event: string, listener: (...args: never[]) => void): ServerResponse => {
    if (event === 'drain') waiting.push(listener as () => void)
    return Reflect.apply(on, res, [event, listener]) as ServerResponse
  }
  return () => {
    if (wasOwn) res.on = on
    else Reflect.deleteProperty(res, 'on')
    const heard = res.rawListeners('drain')
    res.emit('drain')
    for (const listener of waiting) if (!heard.includes(listener)) listener.call(res)
  }
}
