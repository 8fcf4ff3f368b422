import type pg from 'pg'
import { z } from 'zod'
import { type Cart, changeCart, countOf, priced } from './cart.ts'
import { ordersOf, placeOrder, SoldOutError } from './checkout.ts'
import { isFormToken } from './forgery.ts'
import { log } from './log.ts'
import type { Products } from './products.ts'
import { authenticate } from './users.ts'
import * as views from './views.ts'

/** What the shop keeps in a session, whatever the framework keeps beside it. */
export interface ShopSession {
  /** Set once somebody has logged in. */
  user?: string
  /** What a form of this session must bring back. */
  formToken?: string
  cart?: Cart
}

/** The session of somebody who has logged in. */
export type LoggedIn = ShopSession & { user: string }

export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What a browser posts, of any shape. */
export type Form = unknown

const Credentials = z.object({ name: z.string().max(64), password: z.string().max(256) })
const Change = z.object({ product: z.string().max(64), change: z.coerce.number().int().min(-20).max(20) })
const Checkout = z.object({ cartToken: z.string() })

/** A page for users alone. */
export interface UserPage {
  readonly method: 'get' | 'post'
  readonly path: string
  readonly show: (session: LoggedIn, form: Form) => Promise<Reply>
}

/** Each page of the shop: from a session and a form to a reply. No framework is known here. */
export class Pages {
  readonly #products: Products
  readonly #database: pg.Pool

  constructor(products: Products, database: pg.Pool) {
    this.#products = products
    this.#database = database
  }

  /** Those that need nothing of the framework but the session. */
  get forUsers(): readonly UserPage[] {
    return [
      { method: 'get', path: '/cart', show: (session) => this.cart(session) },
      { method: 'post', path: '/cart', show: (session, form) => this.changeCart(session, form) },
      { method: 'post', path: '/checkout', show: (session, form) => this.checkout(session, form) },
      { method: 'get', path: '/orders', show: (session) => this.orders(session) },
    ]
  }

  /** The same for everybody who has not logged in: it may be kept, and shown to others, for a while. */
  async anonymousProducts(): Promise<Reply> {
    const page = views.productsPage(await this.#products.all())
    return reply(200, page, {
      // A browser asks each time, for its user may have logged in; shared caches keep it for 10 seconds.
      'cache-control': 'public, max-age=0, s-maxage=10, stale-while-revalidate=60, stale-if-error=86400',
      vary: 'cookie',
    })
  }

  async products(session: LoggedIn): Promise<Reply> {
    return personal(200, views.productsPage(await this.#products.all(), visitorOf(session)))
  }

  /** For somebody whose session cannot be read now: the goods are shown all the same, and nobody is called logged out. */
  async productsForAnybody(): Promise<Reply> {
    return personal(200, views.productsPage(await this.#products.all(), 'unknown'))
  }

  login(): Reply {
    return personal(200, views.loginPage())
  }

  /** Who it is, or what to answer. */
  async authenticate(form: Form): Promise<{ readonly user: string } | Reply> {
    const { name = '', password = '' } = Credentials.safeParse(form).data ?? {}
    const user = await authenticate(this.#database, name, password)
    return user === undefined ? personal(401, views.loginPage(name)) : { user }
  }

  async cart(session: LoggedIn, status = 200, problem?: string): Promise<Reply> {
    const { cart } = session
    const products = await this.#products.find((cart?.lines ?? []).map(({ product }) => product))
    const lines = priced(cart, products)
    return personal(status, views.cartPage(visitorOf(session), cart?.token ?? '', lines, problem))
  }

  async changeCart(session: LoggedIn, form: Form): Promise<Reply> {
    if (isForged(session, form)) return forged()
    const wanted = Change.safeParse(form)
    if (!wanted.success) return problem(400, 'That was no order', 'The form was not understood.')
    const { product, change } = wanted.data
    if (!(await this.#products.find([product])).has(product)) {
      return problem(404, 'Not in the shop', 'There is no such product.')
    }
    session.cart = changeCart(session.cart, product, change)
    return redirect('/cart')
  }

  async checkout(session: LoggedIn, form: Form): Promise<Reply> {
    if (isForged(session, form)) return forged()
    const { cart, user } = session
    const { cartToken } = Checkout.safeParse(form).data ?? {}
    // Ordered before (a second click), or changed since it was shown (another tab).
    if (cart === undefined || cart.lines.length === 0) return redirect('/orders')
    if (cartToken !== cart.token) return redirect('/cart')
    try {
      await placeOrder(this.#database, user, cart)
    } catch (error) {
      if (!(error instanceof SoldOutError)) throw error
      await this.#products.changed(cart.lines.map(({ product }) => product))
      return this.cart(session, 409, 'Not enough is in stock any more. Nothing was ordered.')
    }
    // Should this not be saved, the same cart is ordered again under the same token, and so not twice.
    delete session.cart
    await this.#products.changed(cart.lines.map(({ product }) => product))
    return redirect('/orders')
  }

  async orders(session: LoggedIn): Promise<Reply> {
    return personal(200, views.ordersPage(visitorOf(session), await ordersOf(this.#database, session.user)))
  }
}

export function isForged(session: ShopSession, form: Form): boolean {
  const given = typeof form === 'object' && form !== null && 'formToken' in form ? form.formToken : undefined
  return !isFormToken(given, session.formToken)
}

export function forged(): Reply {
  return problem(403, 'Not accepted', 'That form came from another page, or from before you logged in.')
}

/** Who asks cannot be known now: never "you are not logged in", and never a cookie taken away. */
export function unreachable(retryAfter = 5): Reply {
  const page = problem(
    503,
    'One moment, please',
    'Your session cannot be reached right now. Nothing is lost: try again.',
  )
  return { ...page, headers: { ...page.headers, 'retry-after': String(retryAfter) } }
}

/** The session could not be read or kept, or something else went wrong: what the visitor is told. */
export function replyToError(error: unknown): Reply {
  const { code, statusCode, retryAfter } = error as { code?: unknown; statusCode?: unknown; retryAfter?: unknown }
  if (code === 'PLIMSOLL_SESSIONS_UNAVAILABLE') return unreachable(Number(retryAfter ?? 5))
  // Ended elsewhere while this request was under way.
  if (code === 'PLIMSOLL_SESSION_GONE') return redirect('/login')
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return problem(statusCode, 'That was not understood', 'The form was not accepted.')
  }
  log.error({ error: error instanceof Error ? error.stack : String(error) }, 'a request failed')
  return problem(500, 'That went wrong', 'It is our fault, and has been noted.')
}

export function redirect(location: string): Reply {
  return { status: 303, headers: { location, 'cache-control': 'no-store' }, body: '' }
}

function problem(status: number, title: string, text: string): Reply {
  return personal(status, views.problemPage(title, text))
}

/** Not kept anywhere, the browser's history included: going back after logging out asks again. */
function personal(status: number, body: string): Reply {
  return reply(status, body, { 'cache-control': 'private, no-store' })
}

function reply(status: number, body: string, headers: Readonly<Record<string, string>>): Reply {
  return { status, headers: { ...views.pageHeaders, ...headers }, body }
}

function visitorOf({ user, formToken = '', cart }: LoggedIn): views.Visitor {
  return { user, formToken, cartCount: countOf(cart) }
}
