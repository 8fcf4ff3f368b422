import type { CookieSerializeOptions } from '@fastify/cookie'
import type { FastifySessionOptions } from '@fastify/session'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** The cookie of @fastify/session, by its options. */
export class SessionCookie {
  readonly #name: string
  readonly #attributes: CookieSerializeOptions

  constructor({ cookieName = 'sessionId', cookie = {} }: Pick<FastifySessionOptions, 'cookieName' | 'cookie'>) {
    this.#name = cookieName
    // All of them: a browser takes no `__Host-` cookie without Secure, and tells partitioned ones from others.
    const { path = '/', domain, secure = true, httpOnly = true, sameSite, partitioned } = cookie
    const attributes = { path, domain, secure, httpOnly, sameSite, partitioned }
    this.#attributes = Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined))
  }

  isPresentedBy(request: FastifyRequest): boolean {
    return request.cookies[this.#name] !== undefined
  }

  clear(reply: FastifyReply): void {
    reply.clearCookie(this.#name, this.#attributes)
  }

  /** Whatever the reply was going to do to the client's cookie, it does not. */
  keep(reply: FastifyReply): void {
    this.#filter(reply, () => false)
  }

  /** @fastify/session clears the cookie of an old id and then sets that of the new one: one line is enough. */
  lastOnly(reply: FastifyReply): void {
    const header = reply.getHeader('set-cookie')
    if (!Array.isArray(header)) return
    const last = header.findLastIndex((line) => this.#isOwn(line))
    this.#filter(reply, (index) => index === last)
  }

  #filter(reply: FastifyReply, stays: (index: number) => boolean): void {
    const header = reply.getHeader('set-cookie')
    if (header === undefined) return
    const lines = [header].flat().map(String)
    const kept = lines.filter((line, index) => !this.#isOwn(line) || stays(index))
    if (kept.length === lines.length) return
    reply.removeHeader('set-cookie')
    if (kept.length > 0) reply.header('set-cookie', kept)
  }

  #isOwn(line: string): boolean {
    return line.startsWith(`${this.#name}=`)
  }
}
