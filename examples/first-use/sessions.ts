import type { AddressInfo } from 'node:net'
import express from 'express'

declare module 'express-session' {
  interface SessionData {
    cart: string[]
  }
}

const app = express()
app.use(express.json())

import { createSessions } from '@plimsoll/core/session'
import { loginSession, logoutSession, plimsollSession, requireSession, sessionErrors } from '@plimsoll/express-adapter'

const sessions = createSessions({ name: 'shop-sessions', redis: process.env.SESSION_REDIS_URL, idleTimeout: '2h' })

app.use(plimsollSession(sessions, { secret: process.env.SESSION_SECRET ?? '' }))
app.post('/login', async (req, res) => {
  await loginSession(req, req.body.user, { cart: [] }) // a new id, acknowledged by Redis before the reply
  res.redirect(303, '/cart')
})
app.get('/cart', requireSession(), (req, res) => void res.json(req.session.cart)) // 503 and Retry-After, never a wrong 401
app.post('/logout', async (req, res) => {
  await logoutSession(req)
  res.redirect(303, '/')
})
app.use(sessionErrors())

const server = app.listen(0, '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const body = JSON.stringify({ user: 'anna' })
  const headers = { 'content-type': 'application/json' }
  const login = await fetch(`${url}/login`, { method: 'POST', headers, body, redirect: 'manual' })
  console.log('login', login.status, login.headers.get('retry-after'))
  const [cookie = ''] = login.headers.getSetCookie()
  const cart = await fetch(`${url}/cart`, { headers: { cookie: cookie.split(';', 1)[0] ?? '' } })
  console.log('cart', cart.status, await cart.text())
  server.close()
  await sessions.close()
})
