/** What a service answered, as a browser would take it. */
export interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
  readonly location: string | undefined
  readonly retryAfter: number | undefined
  /** What became of the session's cookie. */
  readonly cookie: 'untouched' | 'set' | 'cleared'
  readonly milliseconds: number
}

export type Ask = readonly [method: 'GET' | 'POST', path: string, body?: object]

/** A browser: keeps the session's cookie as it is told to. */
export class Visitor {
  cookie: string | undefined
  readonly #url: string

  constructor(url: string, cookie?: string) {
    this.#url = url
    this.cookie = cookie
  }

  /** The same browser at another process of the service. */
  at(url: string): Visitor {
    return new Visitor(url, this.cookie)
  }

  async ask(...[method, path, body]: Ask): Promise<Answer> {
    const started = performance.now()
    const response = await fetch(`${this.#url}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        accept: 'application/json',
        ...(this.cookie === undefined ? {} : { cookie: this.cookie }),
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      body: body ? JSON.stringify(body) : null,
    })
    const text = await response.text()
    const milliseconds = performance.now() - started
    const retryAfter = response.headers.get('retry-after')
    return {
      status: response.status,
      body: text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {},
      location: response.headers.get('location') ?? undefined,
      retryAfter: retryAfter === null ? undefined : Number(retryAfter),
      cookie: this.#take(response.headers.getSetCookie()),
      milliseconds,
    }
  }

  #take(setCookies: readonly string[]): Answer['cookie'] {
    const given = setCookies.filter((line) => line.startsWith('sid=')).at(-1)
    if (given === undefined) return 'untouched'
    const [pair = '', ...attributes] = given.split('; ')
    const expires = attributes.find((attribute) => attribute.toLowerCase().startsWith('expires='))
    const ended =
      (expires !== undefined && Date.parse(expires.slice('expires='.length)) <= Date.now()) ||
      attributes.some((attribute) => attribute.toLowerCase() === 'max-age=0')
    // Renewed: the same session, with a later end.
    if (!ended && pair === this.cookie) return 'untouched'
    this.cookie = ended ? undefined : pair
    return ended ? 'cleared' : 'set'
  }
}
