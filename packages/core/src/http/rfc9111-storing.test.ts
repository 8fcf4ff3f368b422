import { describe, expect, test } from 'vitest'
import { type Handler, openService, type Request } from '../testing-support/response-service.ts'
import type { RouteRules } from './response-cache-options.ts'

const date = (seconds: number) => new Date(1_700_000_000_000 + seconds * 1_000).toUTCString()
const cacheControl = (value: string): Handler => ({ headers: { 'cache-control': value } })

/** Asks twice: what the second gets from the cache had been stored. */
async function isStored(handler: Handler, request: Request = {}, rules?: RouteRules): Promise<boolean> {
  const service = openService()
  await service.send(request, handler, rules)
  return (await service.send(request, handler, rules)).by === 'cache'
}

describe('section 3: storing', () => {
  test.each([200, 203, 300, 301, 302, 303, 307, 308, 400, 403, 404, 405, 410, 414, 451, 500, 501, 502, 503, 504])(
    'a %i that names its lifetime is stored',
    async (status) => {
      expect(await isStored({ status, headers: { 'cache-control': 'max-age=60' } })).toBe(true)
    },
  )

  test('a 204 that names its lifetime is stored, without a body', async () => {
    expect(await isStored({ status: 204, headers: { 'cache-control': 'max-age=60' }, body: '' })).toBe(true)
  })

  test.each([
    100, 101, 201, 202, 205, 206, 207, 226, 299, 304, 305, 306, 401, 402, 407, 416, 418, 429, 499, 505, 511, 599,
  ])('a %i is not stored, whatever it says', async (status) => {
    expect(await isStored({ status, headers: { 'cache-control': 'public, max-age=60' } })).toBe(false)
  })

  test.each<[string, Handler]>([
    ['no-store', cacheControl('no-store, max-age=60')],
    ['no-store in capitals', cacheControl('No-Store, max-age=60')],
    ['private', cacheControl('private, max-age=60')],
    ['private in mixed case', cacheControl('max-age=60, PRIVATE')],
    ['private for some fields only', cacheControl('private="x-user", max-age=60')],
    ['no-cache', cacheControl('no-cache, max-age=60')],
    ['no-cache for some fields only', cacheControl('no-cache="set-cookie", max-age=60')],
    ['no-store and must-understand', cacheControl('no-store, must-understand, max-age=60')],
    ['private beside public', cacheControl('public, private, max-age=60')],
    ['private in a second line', { headers: { 'cache-control': ['max-age=60', 'private'] } }],
    [
      'private under a second spelling of the name',
      { headers: { 'cache-control': 'max-age=60', 'Cache-Control': 'private' } },
    ],
    ['max-age=0', cacheControl('max-age=0')],
    ['s-maxage=0 over max-age', cacheControl('max-age=60, s-maxage=0')],
    ['Expires in the past', { headers: { expires: date(-1) } }],
    ['Expires of 0', { headers: { expires: '0' } }],
    ['Expires that is no date', { headers: { expires: 'tomorrow' } }],
    ['no lifetime at all', { headers: {} }],
    ['public alone', cacheControl('public')],
    ['Last-Modified alone', { headers: { 'last-modified': date(-86_400) } }],
    ['immutable alone', cacheControl('immutable')],
    ['Pragma: no-cache', { headers: { pragma: 'no-cache', expires: date(60) } }],
    ['Vary: *', { headers: { 'cache-control': 'max-age=60', vary: '*' } }],
    ['Vary with * among others', { headers: { 'cache-control': 'max-age=60', vary: 'accept, *' } }],
    ['Content-Range', { headers: { 'cache-control': 'max-age=60', 'content-range': 'bytes 0-1/2' } }],
    ['a body shorter than Content-Length', { headers: { 'cache-control': 'max-age=60', 'content-length': '500' } }],
    ['an Age beyond max-age', { headers: { 'cache-control': 'max-age=60', age: '61' } }],
    ['an Age that is no number', { headers: { 'cache-control': 'max-age=60', age: 'young' } }],
    ['a negative Age', { headers: { 'cache-control': 'max-age=60', age: '-1' } }],
    ['two Ages', { headers: { 'cache-control': 'max-age=60', age: ['0', '0'] } }],
    ['a Date older than max-age', { headers: { 'cache-control': 'max-age=60', date: date(-61) } }],
    ['an unclosed quote', cacheControl('max-age=60, x="private')],
    ['a directive that is no token', cacheControl('max-age=60, no-store; private')],
    ['a body over the bound', { body: undefined }],
    ['a session that was read', { personal: true }],
  ])('a reply with %s is not stored', async (_, handler) => {
    expect(await isStored(handler)).toBe(false)
  })

  test.each<[string, Handler]>([
    ['max-age', cacheControl('max-age=60')],
    ['MAX-AGE', cacheControl('MAX-AGE=60')],
    ['a quoted max-age', cacheControl('max-age="60"')],
    ['max-age with leading zeros', cacheControl('max-age=0060')],
    ['a max-age beyond any number', cacheControl('max-age=99999999999999999999')],
    ['s-maxage', cacheControl('s-maxage=60')],
    ['s-maxage over max-age=0', cacheControl('max-age=0, s-maxage=60')],
    ['must-revalidate', cacheControl('max-age=60, must-revalidate')],
    ['proxy-revalidate', cacheControl('max-age=60, proxy-revalidate')],
    ['directives nobody knows', cacheControl('max-age=60, community="UCI", x')],
    ['a directive name inside a quoted string', cacheControl('x="private, no-store", max-age=60')],
    ['empty members', cacheControl(',, max-age=60 ,')],
    ['max-age over an Expires in the past', { headers: { 'cache-control': 'max-age=60', expires: date(-60) } }],
    ['Expires', { headers: { expires: date(60) } }],
    ['Expires as RFC 850 wrote it', { headers: { expires: 'Tuesday, 14-Nov-23 22:14:20 GMT' } }],
    ['Expires as asctime writes it', { headers: { expires: 'Tue Nov 14 22:14:20 2023' } }],
    ['Expires counted from Date', { headers: { expires: date(60), date: date(0) } }],
    ['an Age below max-age', { headers: { 'cache-control': 'max-age=60', age: '59' } }],
    ['a Date that is no date', { headers: { 'cache-control': 'max-age=60', date: 'today' } }],
    ['the right Content-Length', { headers: { 'cache-control': 'max-age=60', 'content-length': 6 } }],
    ['a Pragma beside Cache-Control', { headers: { 'cache-control': 'max-age=60', pragma: 'no-cache' } }],
  ])('a reply with %s is stored', async (_, handler) => {
    expect(await isStored(handler)).toBe(true)
  })

  test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'CONNECT', 'PROPFIND', 'get', 'Get', 'GET '])(
    'the reply to %s is not stored',
    async (method) => {
      expect(await isStored({}, { method })).toBe(false)
    },
  )

  test.each<[string, Record<string, string>]>([
    ['no-store', { 'cache-control': 'no-store' }],
    ['Range', { range: 'bytes=0-1' }],
    ['a body', { 'content-length': '3' }],
    ['a body in chunks', { 'transfer-encoding': 'chunked' }],
    ['If-Match', { 'if-match': '"a"' }],
    ['If-Unmodified-Since', { 'if-unmodified-since': date(0) }],
  ])('the reply to a request with %s is not stored', async (_, headers) => {
    expect(await isStored({}, { headers })).toBe(false)
  })
})

describe('section 3.1: headers', () => {
  async function storedHeaders(headers: Record<string, string | string[]>) {
    const service = openService()
    const handler = { headers: { 'cache-control': 'max-age=60', ...headers } }
    await service.send({}, handler)
    return (await service.send({}, handler)).headers
  }

  test.each(['keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'connection'])(
    '%s belongs to one connection and is not stored',
    async (name) => {
      expect(await storedHeaders({ [name]: 'x' })).not.toHaveProperty(name)
    },
  )

  test('what Connection names is not stored, in whatever case', async () => {
    const headers = await storedHeaders({ connection: 'close, X-Hop', 'x-hop': '1', 'x-end': '2' })
    expect(headers).not.toHaveProperty('x-hop')
    expect(headers).toHaveProperty('x-end', '2')
  })

  test('all else comes back as it was, names in lower case and lists as lists', async () => {
    const headers = await storedHeaders({ 'Content-Type': 'text/html', Link: ['<a>', '<b>'], 'x-unknown': 'y' })
    expect(headers).toMatchObject({ 'content-type': 'text/html', link: ['<a>', '<b>'], 'x-unknown': 'y' })
  })

  test('Date stays that of the origin, and is put in where there was none', async () => {
    expect(await storedHeaders({ date: date(-10) })).toHaveProperty('date', date(-10))
    expect(await storedHeaders({})).toHaveProperty('date', date(0))
  })
})

describe('section 3.5: requests with Authorization', () => {
  const authorized = { headers: { authorization: 'Bearer x' } }
  test.each([
    ['max-age=60', false],
    ['public, max-age=60', true],
    ['s-maxage=60', true],
    ['must-revalidate, max-age=60', true],
    ['proxy-revalidate, max-age=60', false],
  ])('on a public route %s: stored %s', async (value, stored) => {
    expect(await isStored(cacheControl(value), authorized, { public: true })).toBe(stored)
  })

  test('on any other route nothing is stored', async () => {
    expect(await isStored(cacheControl('public, max-age=60'), authorized)).toBe(false)
  })
})

describe('a lifetime by the route', () => {
  test.each([200, 203, 301, 308, 404, 410])('is given to a %i that names none', async (status) => {
    expect(await isStored({ status, headers: {} }, {}, { ttl: '1m' })).toBe(true)
  })

  test.each([302, 307, 400, 403, 500, 503])('is not given to a %i', async (status) => {
    expect(await isStored({ status, headers: {} }, {}, { ttl: '1m' })).toBe(false)
  })

  test.each(['max-age=0', 'no-cache', 'no-store', 'private'])('does not outweigh %s', async (value) => {
    expect(await isStored(cacheControl(value), {}, { ttl: '1m' })).toBe(false)
  })
})
