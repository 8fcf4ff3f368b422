import type { RequestHandler } from 'express'
import { describe, expect, test } from 'vitest'
import { type HealthRoutesOptions, healthRoutes } from './health-routes.ts'
import { metricsRoute } from './metrics-route.ts'
import { expressVersions, serve } from './served.fixture.ts'

const withMode = (mode: string) => ({ health: () => ({ mode, reasons: [], secretOfTheHouse: true }) })
const allow: RequestHandler = (_req, _res, next) => next()
const refuse: RequestHandler = (_req, res) => void res.status(403).end()

describe.each(expressVersions)('on Express %i', (_version, create) => {
  async function get(options: HealthRoutesOptions, path: string): Promise<{ status: number; body: unknown }> {
    const response = await fetch(`${await serve(create().use(healthRoutes(options)))}${path}`)
    expect(response.headers.get('cache-control') ?? 'no-store').toBe('no-store')
    const text = await response.text()
    return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text }
  }

  test('liveness does not ask anybody', async () => {
    const broken = {
      health: () => {
        throw new Error('boom')
      },
    }

    expect(await get({ cache: broken, sessions: broken }, '/healthz')).toEqual({ status: 200, body: { status: 'ok' } })
  })

  test('readiness is 200 in a degraded mode, and tells it', async () => {
    expect(await get({ cache: withMode('normal'), sessions: withMode('local-only') }, '/readyz')).toEqual({
      status: 200,
      body: { status: 'degraded', cache: 'normal', sessions: 'local-only' },
    })
    expect(await get({ cache: withMode('normal') }, '/readyz')).toEqual({
      status: 200,
      body: { status: 'ok', cache: 'normal' },
    })
  })

  test('readiness tells where sessions cannot be trusted although Redis answers', async () => {
    const sessions = { health: () => ({ mode: 'normal', reasons: [], sessions: { trusted: false } }) }

    expect(await get({ sessions }, '/readyz')).toEqual({
      status: 200,
      body: { status: 'degraded', sessions: 'untrusted' },
    })
  })

  test('readiness is 503 only where the service says that it is not ready', async () => {
    expect(await get({ ready: () => false }, '/readyz')).toEqual({ status: 503, body: { status: 'not ready' } })
    expect((await get({ ready: () => true }, '/readyz')).status).toBe(200)
  })

  test('details are for those whom the guard lets in, and without a guard for nobody', async () => {
    const cache = withMode('normal')

    expect((await get({ cache }, '/health')).status).toBe(404)
    expect((await get({ cache, details: false }, '/health')).status).toBe(404)
    expect((await get({ cache, details: refuse }, '/health')).status).toBe(403)
    expect(await get({ cache, details: allow }, '/health')).toEqual({
      status: 200,
      body: { cache: { mode: 'normal', reasons: [], secretOfTheHouse: true } },
    })
  })

  test('metrics have the type that Prometheus asks for, and errors go to the error handlers', async () => {
    const contentType = 'text/plain; version=0.0.4; charset=utf-8'
    const register = { contentType, metrics: async () => 'up 1\n' }
    const told = await fetch(`${await serve(create().use(metricsRoute({ register })))}/metrics`)
    expect(told.headers.get('content-type')).toBe(contentType)
    expect(await told.text()).toBe('up 1\n')

    const guarded = await fetch(`${await serve(create().use(metricsRoute({ register, guard: refuse })))}/metrics`)
    expect(guarded.status).toBe(403)

    const failing = { contentType, metrics: () => Promise.reject(new Error('boom')) }
    expect((await fetch(`${await serve(create().use(metricsRoute({ register: failing })))}/metrics`)).status).toBe(500)
  })
})
