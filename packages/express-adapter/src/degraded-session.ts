import { isUnreachable, readOnlyView, SessionReadOnlyError, type SessionTrouble } from '@plimsoll/core/session'
import type { Request } from 'express'
import session from 'express-session'
import { ShadowRead } from './request-store.ts'
import { answer, type PlimsollSessionStore } from './session-store.ts'

/** A request whose session could not be loaded: it goes on with what there is, which can be read and nothing else. */
export interface Degradation {
  readonly cause: SessionTrouble
  /** What the client's cookie says. */
  readonly id: string
  /** There is a copy of the session that this process read a moment ago. */
  readonly shadow: boolean
  readonly user: string | undefined
  /** The handler has looked into the session, and may have failed for what was not there. */
  wasRead: boolean
  /** The handler has tried to change it. */
  refused: SessionReadOnlyError | undefined
}

export function degrade(cause: SessionTrouble, id: string): Degradation {
  const stored = cause instanceof ShadowRead ? cause.stored : undefined
  return { cause, id, shadow: stored !== undefined, user: stored?.user, wasRead: false, refused: undefined }
}

/** Answers the error, to be thrown or told. The reply will be 503 whatever the handler makes of it. */
export function refuse(degradation: Degradation): SessionReadOnlyError {
  degradation.refused ??= new SessionReadOnlyError(degradation.cause)
  return degradation.refused
}

/** A request that has waited for Redis in vain does not wait again: the core goes on trying without it. */
export async function acknowledged<Result>(
  degradation: Degradation | undefined,
  telling: Promise<Result>,
): Promise<Result> {
  if (!degradation || !isUnreachable(degradation.cause)) return await telling
  telling.catch(() => {})
  throw refuse(degradation)
}

/**
 * The session of a degraded request. Reading is as ever; whatever would change it throws, at any depth, and is
 * remembered: a handler that catches the error must not answer as if the change had been kept.
 */
export function degradedSession(
  degradation: Degradation,
  req: Request,
  store: PlimsollSessionStore,
  cookieOptions: session.CookieOptions,
): session.Session & Partial<session.SessionData> {
  const refuseTo = (callback?: (error: unknown) => void): unknown => {
    const error = refuse(degradation)
    if (callback) process.nextTick(callback, error)
    return held
  }
  const methods = {
    id: degradation.id,
    req,
    touch: () => held,
    resetMaxAge: () => held,
    save: refuseTo,
    regenerate: refuseTo,
    reload: (callback: (error: unknown) => void) => {
      process.nextTick(callback, degradation.cause)
      return held
    },
    // Logging out needs no look at the session, and the core remembers what Redis has not heard of.
    destroy: (callback?: (error?: unknown) => void) => {
      Reflect.deleteProperty(req, 'session')
      answer(acknowledged(degradation, store.destroy(degradation.id)), callback)
      return held
    },
  }
  const content: Record<string, unknown> = Object.create(methods)
  content['cookie'] = cookieFrom(cookieOptions)
  // As Session does it: nothing that is stored stands in for a method, or for the prototype.
  const { stored } = degradation.cause instanceof ShadowRead ? degradation.cause : { stored: undefined }
  for (const [key, value] of Object.entries(stored?.data ?? {})) if (!(key in content)) content[key] = value
  const held = readOnlyView(
    content,
    () => {
      throw refuse(degradation)
    },
    (key) => {
      if (!(key in methods) && key !== 'cookie') degradation.wasRead = true
    },
  )
  return held as object as session.Session & Partial<session.SessionData>
}

function cookieFrom(options: session.CookieOptions): object {
  // @types/express-session declares Cookie without its constructor.
  const Cookie = session.Cookie as unknown as new (options: session.CookieOptions) => { readonly data: object }
  return new Cookie(options).data
}
