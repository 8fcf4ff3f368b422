import type { PricedLine } from './cart.ts'
import type { Order } from './checkout.ts'
import { Html, html } from './html.ts'
import type { Product } from './products.ts'
import { style, styleHash } from './style.ts'

/** Somebody who has logged in, as far as a page shows it. */
export interface Visitor {
  readonly user: string
  readonly formToken: string
  readonly cartCount: number
}

/** Goes with every page. Referrer-Policy lets a form of this site keep its Origin, which `no-referrer` would turn into "null". */
export const pageHeaders: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src ${styleHash}; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
}

const money = new Intl.NumberFormat('en-IE', { style: 'currency', currency: 'EUR' })
const euros = (cents: number) => money.format(cents / 100)

// The load line that gave the SDK its name.
const mark = html`<svg viewBox="0 0 40 40" aria-hidden="true"><circle cx="20" cy="20" r="12"/><path d="M2 20h36"/></svg>`

function page(title: string, account: Html, content: Html): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Waterline</title>
<link rel="icon" href="data:,">
<style>${new Html(style)}</style>
</head>
<body>
<header>
  <a class="brand" href="/">${mark}Waterline, ship’s chandlers</a>
  <nav aria-label="Account">${account}</nav>
</header>
<main>
<h1>${title}</h1>
${content}
</main>
</body>
</html>
`.text
}

function accountOf(visitor: Visitor | 'unknown' | undefined): Html {
  if (visitor === 'unknown') return html`<span class="soft">Your session cannot be reached right now</span>`
  if (visitor === undefined) return html`<a class="button" href="/login">Log in</a>`
  return html`<span class="soft">Logged in as ${visitor.user}</span>
    <a href="/cart">Cart (${visitor.cartCount})</a>
    <a href="/orders">Orders</a>
    <form method="post" action="/logout">${token(visitor)}<button class="quiet">Log out</button></form>`
}

function token(visitor: Visitor): Html {
  return html`<input type="hidden" name="formToken" value="${visitor.formToken}">`
}

export function productsPage(products: readonly Product[], visitor?: Visitor | 'unknown'): string {
  const buyer = visitor === 'unknown' ? undefined : visitor
  const goods = html`<ul class="goods">${products.map((product) => offer(product, buyer))}</ul>`
  return page('Everything for the voyage', accountOf(visitor), goods)
}

function offer({ id, name, description, cents, stock }: Product, visitor: Visitor | undefined): Html {
  const add = html`<button>Add<span class="hidden"> ${name}</span> to cart</button>`
  const buy = stock === 0 ? html`<span class="soft">Sold out</span>` : visitor && changeForm(visitor, id, 1, add)
  return html`
  <li>
    <h2>${name}</h2>
    <p class="soft">${description}</p>
    <div class="buy"><span class="price">${euros(cents)}</span>${buy}</div>
  </li>`
}

function changeForm(visitor: Visitor, product: string, change: number, button: Html): Html {
  return html`<form method="post" action="/cart">
    ${token(visitor)}
    <input type="hidden" name="product" value="${product}">
    <input type="hidden" name="change" value="${change}">
    ${button}
  </form>`
}

/** @param failedFor the name with which somebody has just failed to log in */
export function loginPage(failedFor?: string): string {
  const problem = html`<p class="notice bad" role="alert" id="problem">Name or password is wrong.</p>`
  const form = html`${failedFor !== undefined && problem}
<form class="card" method="post" action="/login">
  <div>
    <label for="name">Name</label>
    <input id="name" name="name" value="${failedFor}" autocomplete="username" required maxlength="64">
  </div>
  <div>
    <label for="password">Password</label>
    <input id="password" name="password" type="password" autocomplete="current-password" required maxlength="256">
  </div>
  <button>Log in</button>
</form>`
  return page('Log in', html``, form)
}

export function cartPage(visitor: Visitor, cartToken: string, lines: readonly PricedLine[], problem?: string): string {
  const notice = problem !== undefined && html`<p class="notice bad" role="alert">${problem}</p>`
  const empty = html`<p class="notice">It is empty. <a href="/">See what there is</a></p>`
  const content = lines.length === 0 ? empty : cartTable(visitor, cartToken, lines)
  return page('Your cart', accountOf(visitor), html`${notice}${content}`)
}

function cartTable(visitor: Visitor, cartToken: string, lines: readonly PricedLine[]): Html {
  const total = lines.reduce((sum, { cents }) => sum + cents, 0)
  return html`
<table>
  <thead>
    <tr><th scope="col">Product</th><th scope="col">Quantity</th><th scope="col" class="number">Price</th></tr>
  </thead>
  <tbody>${lines.map((line) => cartRow(visitor, line))}</tbody>
  <tfoot><tr><th scope="row" colspan="2">Total</th><td class="number">${euros(total)}</td></tr></tfoot>
</table>
<form class="next" method="post" action="/checkout">
  ${token(visitor)}
  <input type="hidden" name="cartToken" value="${cartToken}">
  <a href="/">Go on shopping</a>
  <button>Order now</button>
</form>`
}

function cartRow(visitor: Visitor, { product: { id, name }, quantity, cents }: PricedLine): Html {
  const less = changeForm(visitor, id, -1, html`<button class="quiet" aria-label="One ${name} less">−</button>`)
  const more = changeForm(visitor, id, 1, html`<button class="quiet" aria-label="One ${name} more">+</button>`)
  return html`
    <tr>
      <th scope="row">${name}</th>
      <td><span class="stepper">${less} <span class="quantity">${quantity}</span> ${more}</span></td>
      <td class="number">${euros(cents)}</td>
    </tr>`
}

export function ordersPage(visitor: Visitor, orders: readonly Order[]): string {
  const none = html`<p class="notice">There is none yet.</p>`
  const content = html`${orders.length === 0 ? none : orderTable(orders)}
<form class="next" method="post" action="/logout-everywhere">
  ${token(visitor)}
  <button class="quiet">Log out on all devices</button>
</form>`
  return page('Your orders', accountOf(visitor), content)
}

function orderTable(orders: readonly Order[]): Html {
  return html`
<table>
  <thead>
    <tr><th scope="col">Placed</th><th scope="col" class="number">Items</th><th scope="col" class="number">Total</th></tr>
  </thead>
  <tbody>${orders.map(orderRow)}</tbody>
</table>`
}

function orderRow({ placedAt, items, cents }: Order): Html {
  const time = placedAt.toISOString()
  const shown = `${time.slice(0, 16).replace('T', ' ')} UTC`
  return html`
    <tr>
      <td><time datetime="${time}">${shown}</time></td>
      <td class="number">${items}</td>
      <td class="number">${euros(cents)}</td>
    </tr>`
}

/** A page that does not know, or must not ask, who sees it. */
export function problemPage(title: string, text: string): string {
  return page(title, html``, html`<p class="notice bad" role="alert">${text} <a href="/">To the shop</a></p>`)
}
