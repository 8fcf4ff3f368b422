/** A visitor without a browser: keeps the cookie that it is given, and follows no redirect. */
export class Visitor {
  readonly #url: string
  cookie: string | undefined

  constructor(url: string) {
    this.#url = url
  }

  get(path: string): Promise<Response> {
    return this.#ask(path, { method: 'GET' })
  }

  /** Sends a form as this site's own page would. */
  post(path: string, form: Readonly<Record<string, string>>, origin = this.#url): Promise<Response> {
    return this.#ask(path, { method: 'POST', headers: { origin }, body: new URLSearchParams(form) })
  }

  async logIn(name = 'ada', password = 'anchor and rope'): Promise<Response> {
    return this.post('/login', { name, password })
  }

  /** The form token that a page shows to this visitor. */
  async formToken(path = '/'): Promise<string> {
    const page = await (await this.get(path)).text()
    return /name="formToken" value="([^"]+)"/.exec(page)?.[1] ?? ''
  }

  async #ask(path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers)
    if (this.cookie !== undefined) headers.set('cookie', this.cookie)
    const response = await fetch(`${this.#url}${path}`, { ...init, headers, redirect: 'manual' })
    const [line] = response.headers.getSetCookie()
    if (line !== undefined) this.cookie = /expires=Thu, 01 Jan 1970/i.test(line) ? undefined : line.split(';')[0]
    return response
  }
}
