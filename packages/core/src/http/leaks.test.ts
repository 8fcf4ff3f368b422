import { describe, expect, test } from 'vitest'
import { factsOf, type Handler, host, openService, type Request, replyOf } from '../testing-support/response-service.ts'
import { settle } from '../testing-support/stepping-clock.ts'
import type { RouteRules } from './response-cache-options.ts'

/** How a page that was made for Alice might come to somebody else. */
interface Way {
  readonly alice?: Request
  readonly reply?: Handler
  readonly other?: Request
  readonly rules?: RouteRules
}

const cookie = { headers: { cookie: 'sid=alice' } }
const open: RouteRules = { public: true }
const saying = (headers: Handler['headers'], more: Handler = {}): Handler => ({
  headers: { 'cache-control': 'public, max-age=60', ...headers },
  ...more,
})
const forged = (...entries: readonly (readonly [string, unknown])[]) => Object.fromEntries(entries) as never
const asked = (headers: Record<string, string | string[]>): Request => ({ headers })

const ways: Record<string, Way> = {
  // Who asks.
  'a cookie': { alice: cookie, other: {} },
  'two users with cookies': { alice: cookie, other: asked({ cookie: 'sid=bob' }) },
  'a cookie header in capitals': { alice: asked({ COOKIE: 'sid=alice' }) },
  'a cookie header as a list': { alice: asked({ cookie: ['a=1', 'sid=alice'] }) },
  'an empty cookie': { alice: asked({ cookie: '' }) },
  Cookie2: { alice: asked({ cookie2: 'sid=alice' }) },
  authorization: { alice: asked({ authorization: 'Bearer alice' }) },
  'authorization in mixed case': { alice: asked({ aUtHoRiZaTiOn: 'Bearer alice' }) },
  'authorization as a list': { alice: asked({ authorization: ['Basic x', 'Bearer alice'] }) },
  'authorization and s-maxage': {
    alice: asked({ authorization: 'x' }),
    reply: saying({ 'cache-control': 's-maxage=60' }),
  },
  'authorization on a public route without leave of the reply': {
    alice: asked({ authorization: 'x' }),
    rules: open,
    reply: saying({ 'cache-control': 'max-age=60' }),
  },
  'proxy authorization': { alice: asked({ 'proxy-authorization': 'x' }) },
  'an API key': { alice: asked({ 'X-API-Key': 'alice' }) },
  'a token of a gateway': { alice: asked({ 'x-goog-iap-jwt-assertion': 'alice' }) },
  'a client certificate': { alice: asked({ 'x-forwarded-client-cert': 'alice' }) },
  'a user told by a proxy': { alice: asked({ 'x-forwarded-user': 'alice' }) },
  'a header that the service declared': { alice: asked({ 'X-Tenant-User': 'alice' }) },
  // What the reply says.
  'Set-Cookie': { reply: saying({ 'set-cookie': 'sid=alice' }) },
  'Set-Cookie in capitals': { reply: saying({ 'SET-COOKIE': 'sid=alice' }) },
  'Set-Cookie as a list': { reply: saying({ 'Set-Cookie': ['a=1', 'sid=alice'] }) },
  'an empty Set-Cookie': { reply: saying({ 'set-cookie': '' }) },
  'Set-Cookie named by Connection': { reply: saying({ connection: 'set-cookie', 'set-cookie': 'sid=alice' }) },
  'Set-Cookie2': { reply: saying({ 'set-cookie2': 'sid=alice' }) },
  'Set-Cookie on a public route': { alice: cookie, rules: open, reply: saying({ 'set-cookie': 'sid=alice' }) },
  'Set-Cookie on a redirect': { reply: saying({ 'set-cookie': 'a=1' }, { status: 302 }) },
  private: { reply: saying({ 'cache-control': 'private, max-age=60' }) },
  Private: { reply: saying({ 'Cache-Control': 'Private, max-age=60' }) },
  'private with a tab': { reply: saying({ 'cache-control': 'max-age=60,\tprivate\t' }) },
  'private with an argument': { reply: saying({ 'cache-control': 'max-age=60, private="authorization"' }) },
  'private as the last of a list': { reply: saying({ 'cache-control': ['max-age=60', 's-maxage=60', 'private'] }) },
  'private behind a semicolon': { reply: saying({ 'cache-control': 'public; private, max-age=60' }) },
  'private behind a quote that does not end': { reply: saying({ 'cache-control': 'max-age=60, a="b, private' }) },
  'private named by Connection': {
    reply: saying({ connection: 'cache-control', 'cache-control': 'private, max-age=60' }),
  },
  'private under two spellings': {
    reply: { headers: forged(['cache-control', 'max-age=60'], ['CACHE-CONTROL', 'private']) },
  },
  'no-store': { reply: saying({ 'cache-control': 'no-store' }), rules: { ttl: '1m' } },
  'NO-STORE and a lifetime by the route': {
    reply: saying({ 'cache-control': 'NO-STORE' }),
    rules: { ttl: '1m', ...open },
  },
  'no-cache': { reply: saying({ 'cache-control': 'no-cache' }), rules: { ttl: '1m' } },
  'Pragma alone': { reply: { headers: { pragma: 'no-cache' } }, rules: { ttl: '1m' } },
  'a session that was read': { reply: saying({}, { personal: true }) },
  'a session that was read on a public route': { alice: cookie, rules: open, reply: saying({}, { personal: true }) },
  'an adapter that does not tell': { reply: saying({}, { personal: undefined as never }) },
  'Authentication-Info': { reply: saying({ 'authentication-info': 'nextnonce=x' }) },
  'a 401': { reply: saying({}, { status: 401 }) },
  'a part of a page': { reply: saying({ 'content-range': 'bytes 0-9/20' }, { status: 206 }) },
  // What chooses the reply.
  'Vary: *': { reply: saying({ vary: '*' }) },
  'Vary with * in a list': { reply: saying({ Vary: ['accept', ' * '] }) },
  'Vary: Cookie': {
    alice: cookie,
    other: asked({ cookie: 'sid=bob' }),
    rules: open,
    reply: saying({ vary: 'cookie' }),
  },
  'Vary: Cookie, and none': { alice: cookie, other: {}, rules: open, reply: saying({ VARY: 'COOKIE' }) },
  'Vary: Authorization': {
    alice: asked({ authorization: 'alice' }),
    other: asked({ authorization: 'bob' }),
    rules: open,
    reply: saying({ vary: 'Authorization' }),
  },
  'Vary over a value with a separator': {
    alice: asked({ 'x-a': '1","x-b', 'x-b': '2' }),
    other: asked({ 'x-a': '1', 'x-b': 'x-b","2' }),
    reply: saying({ vary: 'x-a, x-b' }),
  },
  'Vary over a header that one has not': { alice: asked({ 'x-user': 'alice' }), reply: saying({ vary: 'x-user' }) },
  'Vary over a header that one has empty': {
    alice: {},
    other: asked({ 'x-user': '' }),
    reply: saying({ vary: 'x-user' }),
  },
  'Vary over a prototype name': {
    alice: { headers: forged(['constructor', 'alice']) },
    reply: saying({ vary: 'constructor' }),
  },
  'Vary over __proto__': {
    alice: { headers: JSON.parse('{"__proto__":"alice"}') },
    reply: saying({ vary: '__proto__' }),
  },
  'Vary that is no list of names': { reply: saying({ vary: 'x-user; q=1' }) },
  'Vary over more headers than anybody names': {
    reply: saying({ vary: Array.from({ length: 40 }, (_, i) => `x-${i}`) }),
  },
  'Vary that the route knows of': { alice: asked({ 'x-user': 'alice' }), rules: { vary: ['X-User'] } },
  'an origin that was let in': {
    alice: asked({ origin: 'https://a' }),
    other: asked({ origin: 'https://b' }),
    reply: saying({ 'access-control-allow-origin': 'https://a' }),
  },
  'a coding that the other cannot read': {
    alice: asked({ 'accept-encoding': 'br' }),
    other: asked({ 'accept-encoding': 'gzip' }),
    reply: saying({ 'content-encoding': 'br' }),
  },
  // Where it is sent.
  'another host': { other: { host: 'b.example' } },
  'a host that is not listed': { alice: { host: 'evil.example' }, other: { host: 'evil.example' } },
  'a host with a dot behind it': { alice: { host: `${host}.` }, other: {} },
  'a host with a port': { alice: { host: `${host}:8443` }, other: {} },
  'a host with a user': { alice: { host: `alice@${host}` }, other: {} },
  'no host': { alice: { host: undefined }, other: { host: undefined } },
  'two hosts': { alice: { host: ['b.example', host] as never }, other: {} },
  'X-Forwarded-Host': { alice: asked({ 'x-forwarded-host': 'evil.example' }) },
  'X-Forwarded-Host of another listed host': { alice: asked({ 'X-Forwarded-Host': 'b.example' }) },
  'X-Forwarded-Host as a list': { alice: asked({ 'x-forwarded-host': [host, 'evil.example'] }) },
  'X-Host': { alice: asked({ 'x-host': 'evil.example' }) },
  Forwarded: { alice: asked({ forwarded: 'for=1.2.3.4;host="evil.example"' }) },
  'Forwarded with another scheme': { alice: asked({ forwarded: 'proto=http' }) },
  'X-Forwarded-Proto': { alice: asked({ 'x-forwarded-proto': 'http' }) },
  'X-Forwarded-Scheme': { alice: asked({ 'x-forwarded-scheme': 'nothttps' }) },
  'X-Forwarded-Port': { alice: asked({ 'x-forwarded-port': '1234' }) },
  'X-Forwarded-Prefix': { alice: asked({ 'x-forwarded-prefix': '/evil' }) },
  'X-Original-URL': { alice: asked({ 'x-original-url': '/account' }) },
  'X-Rewrite-URL': { alice: asked({ 'X-Rewrite-Url': '/account' }) },
  'another scheme': { alice: { scheme: 'http' } },
  'a scheme of its own': { alice: { scheme: 'ftp' as never }, other: { scheme: 'ftp' as never } },
  // How it is written.
  POST: { alice: { method: 'POST' } },
  'a method override': { alice: asked({ 'x-http-method-override': 'POST' }) },
  'X-Method-Override': { alice: asked({ 'X-Method-Override': 'DELETE' }) },
  'a method in small letters': { alice: { method: 'get' } },
  'a GET with a body': { alice: asked({ 'content-length': '9' }) },
  'a GET with a body in chunks': { alice: asked({ 'transfer-encoding': 'chunked' }) },
  HEAD: { alice: { method: 'HEAD' } },
  'a query': { alice: { target: '/page?user=alice' } },
  'a parameter twice': { alice: { target: '/page?u=a&u=b' }, other: { target: '/page?u=b&u=a' } },
  'a fragment': { alice: { target: '/page#alice' }, other: { target: '/page#alice' } },
  'a fragment in the path': { alice: { target: '/page#/../account' } },
  'an encoded slash': { alice: { target: '/page%2falice' }, other: { target: '/page/alice' } },
  'an encoded letter in another case': { alice: { target: '/p%C3%A4' }, other: { target: '/p%c3%a4' } },
  'two slashes': { alice: { target: '//page' } },
  'two slashes that make a host': { alice: { target: '//evil.example/page' }, other: { target: '/page' } },
  'a dot segment': { alice: { target: '/account/../page' } },
  'an encoded dot segment': { alice: { target: '/page/%2e%2e/page' } },
  'a path parameter': { alice: { target: '/page;user=alice' } },
  'a disguise as a static file': { alice: { target: '/page/x.css', ...cookie }, other: { target: '/page/x.css' } },
  'a backslash': { alice: { target: '/\\page' } },
  'a null byte': { alice: { target: '/page\0' }, other: { target: '/page\0' } },
  'an absolute target': { alice: { target: `https://${host}/page` }, other: { target: `https://${host}/page` } },
  'an asterisk target': { alice: { target: '*' }, other: { target: '*' } },
  'a target that is no text': { alice: { target: ['/page'] as never }, other: {} },
  'a line break in a header': { reply: saying({ 'x-a': 'b\r\nset-cookie: sid=alice' }) },
  'a header name that is none': { reply: saying({ 'set-cookie ': 'sid=alice' }) },
}

describe.each(Object.entries(ways))('%s', (_, { alice = {}, reply = {}, other = {}, rules }) => {
  const service = () =>
    openService({ hosts: [host, 'b.example'], credentials: ['x-tenant-user'], ttl: '1m', staleIfError: '1m' })
  const secret = 'the page of Alice'

  test('afterwards, nobody else gets the page', async () => {
    const { send } = service()
    await send(alice, { ...reply, body: secret }, rules)
    expect((await send(other, {}, rules)).body).not.toContain(secret)
  })

  test('while it is rendered, nobody else gets the page', async () => {
    const { responses, clock } = service()
    const first = await responses.lookup(factsOf(alice), rules)
    const second = responses.lookup(factsOf(other), rules)
    await settle()
    if (first.kind === 'render') first.settle(replyOf({ ...reply, body: secret }, ''))
    await clock.advance(3_000)
    const decision = await second
    expect(decision.kind === 'reply' ? decision.body.toString() : '').not.toContain(secret)
  })
})

test('there is a page that others do get, so that the tests above would notice one', async () => {
  const { send } = openService()
  await send({}, { body: 'for all' })
  expect(await send()).toMatchObject({ by: 'cache', body: 'for all' })
})
