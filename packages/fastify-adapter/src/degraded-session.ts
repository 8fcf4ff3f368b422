import { readOnlyView, SessionReadOnlyError } from '@plimsoll/core/session'
import type { FastifyRequest } from 'fastify'
import type { RequestSession } from './request-session.ts'
import { sessionOf } from './session-data.ts'
import { answer, type Callback } from './session-store.ts'

/**
 * Stands where the session of a request would be that could not be loaded: empty, or with what this process knew of it a
 * moment ago. It can be read. A change throws where it is made, however deep, before the handler does more that counts on
 * it; and it is noted, so that a handler which swallows the error cannot answer that all went well.
 *
 * It has no id: @fastify/session neither saves it nor touches its cookie. Logging out needs no look at the session, and
 * goes on to `destroy`.
 */
export function degradedSession(state: RequestSession, destroy: () => Promise<void>): FastifyRequest['session'] {
  const refuse = (): never => {
    const error = new SessionReadOnlyError(state.trouble)
    state.failed(error, true)
    throw error
  }
  const refuseLater = async (): Promise<never> => refuse()
  const methods: Readonly<Record<string, unknown>> = {
    get: (key: string) => Reflect.get(session, key),
    set: refuse,
    options: refuse,
    touch: () => {},
    isModified: () => false,
    isSaved: () => false,
    save: (callback?: Callback) => answer(refuseLater(), callback),
    reload: (callback?: Callback) => answer(Promise.reject(state.trouble), callback),
    regenerate: (...keysAndCallback: unknown[]) =>
      answer(
        refuseLater(),
        keysAndCallback.find((one): one is Callback => typeof one === 'function'),
      ),
    destroy: (callback?: Callback) => answer(destroy(), callback),
  }
  const data = state.stored ? sessionOf(state.stored) : { cookie: { originalMaxAge: null } }
  const session = readOnlyView(Object.assign(Object.create(methods) as object, data), refuse, (key) => {
    if (!(key in methods) && key !== 'cookie') state.readInVain = true
  })
  return session as FastifyRequest['session']
}
