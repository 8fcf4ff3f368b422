import fastifyCookie from '@fastify/cookie'
import type { Sessions } from '@plimsoll/core/session'
import Fastify, { type FastifyInstance, type InjectOptions } from 'fastify'
import { onTestFinished } from 'vitest'
import { InMemorySessions } from './in-memory-sessions.fixture.ts'
import { type PlimsollOptions, plimsoll } from './plugin.ts'

export const secret = 'for tests only, and long enough for it'

declare module 'fastify' {
  interface Session {
    user?: string
    cart?: string[]
    visits?: number
  }
}

export interface Reply {
  readonly status: number
  readonly body: string
  readonly json: Record<string, unknown>
  readonly setCookie: string[]
  readonly headers: Readonly<Record<string, unknown>>
}

/** A browser, as far as the cookie goes. */
export class Browser {
  cookie: string | undefined
  readonly #app: FastifyInstance
  constructor(app: FastifyInstance, cookie?: string) {
    this.#app = app
    this.cookie = cookie
  }

  async get(url: string): Promise<Reply> {
    return this.request({ method: 'GET', url })
  }

  async post(url: string): Promise<Reply> {
    return this.request({ method: 'POST', url })
  }

  async request(options: InjectOptions): Promise<Reply> {
    const { cookie } = this
    const reply = await this.#app.inject({ ...options, headers: { ...options.headers, ...(cookie ? { cookie } : {}) } })
    const setCookie = [reply.headers['set-cookie'] ?? []].flat()
    for (const line of setCookie) {
      this.cookie = line.includes('1970') ? undefined : line.split(';')[0]
    }
    const isJson = String(reply.headers['content-type']).startsWith('application/json')
    return {
      ...{ status: reply.statusCode, body: reply.body, setCookie, headers: reply.headers },
      json: isJson ? reply.json() : {},
    }
  }

  /** Another window of the same browser. */
  again(): Browser {
    return new Browser(this.#app, this.cookie)
  }
}

/** An app with the plugin on sessions in memory; `routes` adds to it before it is ready. */
export async function openService(
  routes: (app: FastifyInstance) => void,
  options: Partial<PlimsollOptions> = {},
): Promise<{ app: FastifyInstance; sessions: InMemorySessions; browser: Browser }> {
  const sessions = new InMemorySessions()
  const app = Fastify()
  await app.register(fastifyCookie)
  await app.register(plimsoll, {
    sessions: sessions as unknown as Sessions,
    session: { secret, cookieName: 'sid', cookie: { secure: false, maxAge: 60_000 } },
    ...options,
  })
  routes(app)
  await app.ready()
  onTestFinished(() => app.close())
  return { app, sessions, browser: new Browser(app) }
}
