import type { Sessions } from '@plimsoll/core/session'
import type { ErrorRequestHandler, Request, RequestHandler } from 'express'
import type session from 'express-session'
import { Registry } from 'prom-client'
import { describe, expectTypeOf, test } from 'vitest'
import {
  healthRoutes,
  loginSession,
  logoutEverywhere,
  metricsRoute,
  type PlimsollSessionOptions,
  type PlimsollSessionStore,
  plimsollSession,
  requireSession,
  type SessionsOfCore,
  sessionErrors,
  sessionUser,
} from './index.ts'

describe('types', () => {
  test("the core's sessions are what the adapter takes", () => {
    expectTypeOf<Sessions>().toExtend<SessionsOfCore>()
    expectTypeOf(plimsollSession).parameter(0).toEqualTypeOf<SessionsOfCore>()
  })

  test('everything that is mounted is a handler', () => {
    expectTypeOf(plimsollSession).returns.toEqualTypeOf<RequestHandler>()
    expectTypeOf(requireSession).returns.toEqualTypeOf<RequestHandler>()
    expectTypeOf(healthRoutes).returns.toEqualTypeOf<RequestHandler>()
    expectTypeOf(sessionErrors).returns.toEqualTypeOf<ErrorRequestHandler>()
  })

  test('the store is one of express-session', () => {
    expectTypeOf<PlimsollSessionStore>().toExtend<session.Store>()
    expectTypeOf<PlimsollSessionStore['get']>().toBeCallableWith('id')
    expectTypeOf<ReturnType<PlimsollSessionStore['length']>>().toEqualTypeOf<void>()
  })

  test('what would undo the promise is no option', () => {
    expectTypeOf<PlimsollSessionOptions>().not.toHaveProperty('store')
    expectTypeOf<PlimsollSessionOptions>().not.toHaveProperty('resave')
    expectTypeOf<PlimsollSessionOptions>().not.toHaveProperty('saveUninitialized')
    expectTypeOf<PlimsollSessionOptions>().toHaveProperty('cookie')
  })

  test('the helpers say what they answer', () => {
    expectTypeOf(loginSession).parameters.toEqualTypeOf<
      [req: Request, user: string, data?: Readonly<Record<string, unknown>>]
    >()
    expectTypeOf(logoutEverywhere).returns.resolves.toEqualTypeOf<number>()
    expectTypeOf(sessionUser).returns.toEqualTypeOf<string | undefined>()
  })

  test("prom-client's registry is taken", () => {
    expectTypeOf(metricsRoute).toBeCallableWith({ register: new Registry() })
  })

  test('nothing is added to a request but what express-session adds', () => {
    type Added = Exclude<keyof Request, keyof Express.Request>
    expectTypeOf<'plimsoll' extends Added ? true : false>().toEqualTypeOf<false>()
    expectTypeOf<Request['session']>().toEqualTypeOf<session.Session & Partial<session.SessionData>>()
  })
})
