import { describe, expect, test } from 'vitest'
import { type Answer, type Handler, host, openService, type Request } from '../testing-support/response-service.ts'

const date = (seconds: number) => new Date(1_700_000_000_000 + seconds * 1_000).toUTCString()
const lasting = (directives: string, headers: Record<string, string> = {}): Handler => ({
  headers: { 'cache-control': directives, ...headers },
})

/** One page is rendered, time passes, and it is asked for again. */
async function after(seconds: number, handler: Handler, request: Request = {}, next: Handler | 'fails' = {}) {
  const service = openService()
  await service.send({}, handler)
  await service.clock.advance(seconds * 1_000)
  return await service.send(request, next)
}

describe('section 4: the cache key', () => {
  test.each<[string, Request]>([
    ['another path', { target: '/other' }],
    ['another query', { target: '/page?a=1' }],
    ['an empty query', { target: '/page?' }],
    ['another scheme', { scheme: 'http' }],
    ['another listed host', { host: 'b.example' }],
    ['a trailing slash', { target: '/page/' }],
    ['another case of the path', { target: '/Page' }],
    ['an encoded letter', { target: '/p%61ge' }],
  ])('%s is another page', async (_, request) => {
    const service = openService({ hosts: [host, 'b.example'] })
    await service.send()
    expect(await service.send(request)).toMatchObject({ by: 'handler', body: 'page 2' })
  })

  test('the case of the host says nothing', async () => {
    const service = openService()
    await service.send()
    expect(await service.send({ host: 'SHOP.example' })).toMatchObject({ by: 'cache' })
  })

  test('the longest addresses are told apart', async () => {
    const service = openService()
    const target = `/${'a'.repeat(5_000)}`
    await service.send({ target })
    expect(await service.send({ target: `${target}b` })).toMatchObject({ by: 'handler' })
    expect(await service.send({ target })).toMatchObject({ by: 'cache' })
  })
})

describe('section 4: HEAD', () => {
  test('is answered from a stored GET, without its body and with its length', async () => {
    expect(await after(1, lasting('max-age=60'), { method: 'HEAD' })).toMatchObject({
      by: 'cache',
      body: '',
      headers: { 'content-length': '6', age: '1' },
    })
  })

  test('renders nothing that is stored', async () => {
    const service = openService()
    expect(await service.send({ method: 'HEAD' })).toMatchObject({ by: 'passed' })
    expect(await service.send()).toMatchObject({ by: 'handler' })
  })
})

describe('section 4.1: Vary', () => {
  const varied = (names: string): Handler => lasting('max-age=60', { vary: names })
  async function between(names: string, first: Record<string, string>, second: Record<string, string | string[]>) {
    const service = openService()
    await service.send({ headers: first }, varied(names))
    return (await service.send({ headers: second }, varied(names))).by
  }

  test.each<[string, Record<string, string>, Record<string, string | string[]>]>([
    ['accept-language', { 'accept-language': 'de' }, { 'accept-language': 'de' }],
    ['accept-language', { 'accept-language': 'de, en;q=0.5' }, { 'accept-language': 'DE,en; q=0.5' }],
    ['Accept-Encoding', { 'accept-encoding': 'gzip, br' }, { 'Accept-Encoding': ['gzip', 'br'] }],
    ['x-tenant', { 'x-tenant': 'a' }, { 'X-Tenant': ' a ' }],
    ['x-tenant, accept', { accept: 'a' }, { accept: 'a', 'user-agent': 'b' }],
    ['x-tenant', {}, {}],
  ])('%s: %o fits %o', async (names, first, second) => {
    expect(await between(names, first, second)).toBe('cache')
  })

  test.each<[string, Record<string, string>, Record<string, string>]>([
    ['accept-language', { 'accept-language': 'de' }, { 'accept-language': 'en' }],
    ['accept-language', { 'accept-language': 'de' }, {}],
    ['accept-language', {}, { 'accept-language': '' }],
    ['accept-language', { 'accept-language': 'de, en' }, { 'accept-language': 'en, de' }],
    ['x-tenant', { 'x-tenant': 'a' }, { 'x-tenant': 'A' }],
    ['x-a, x-b', { 'x-a': '1', 'x-b': '2' }, { 'x-a': '2', 'x-b': '1' }],
    ['x-a, x-b', { 'x-a': '1' }, { 'x-b': '1' }],
    ['ACCEPT', { accept: 'a' }, { accept: 'b' }],
  ])('%s: %o does not fit %o', async (names, first, second) => {
    expect(await between(names, first, second)).toBe('handler')
  })

  test('every variant is kept beside the others', async () => {
    const service = openService()
    for (const language of ['de', 'en', 'fr']) {
      await service.send({ headers: { 'accept-language': language } }, varied('accept-language'))
    }
    const german = await service.send({ headers: { 'accept-language': 'de' } })
    const french = await service.send({ headers: { 'accept-language': 'fr' } })
    expect([german, french]).toMatchObject([
      { by: 'cache', body: 'page 1' },
      { by: 'cache', body: 'page 3' },
    ])
  })

  test('no more variants are stored than allowed', async () => {
    const service = openService({ maxVariants: 3 })
    const ask = (language: number) =>
      service.send({ headers: { 'accept-language': `x-${language}` } }, varied('accept-language'))
    for (let language = 0; language < 10; language++) await ask(language)
    const again: Answer[] = []
    for (let language = 0; language < 10; language++) again.push(await ask(language))
    expect(again.map(({ by }) => by)).toEqual([...Array(3).fill('cache'), ...Array(7).fill('handler')])
  })

  test('a header that comes to choose later voids what was stored without it', async () => {
    const service = openService()
    const german = { headers: { 'accept-language': 'de', 'x-tenant': 'a' } }
    await service.send(german, varied('accept-language'))
    await service.send({ headers: { 'accept-language': 'en', 'x-tenant': 'b' } }, varied('accept-language, x-tenant'))
    expect(await service.send({ headers: { 'accept-language': 'de', 'x-tenant': 'b' } })).toMatchObject({
      by: 'handler',
    })
  })

  test('what the route names chooses too', async () => {
    const service = openService()
    const rules = { vary: ['X-Tenant'] }
    await service.send({ headers: { 'x-tenant': 'a' } }, {}, rules)
    expect(await service.send({ headers: { 'x-tenant': 'b' } }, {}, rules)).toMatchObject({ by: 'handler' })
    expect(await service.send({ headers: { 'x-tenant': 'a' } }, {}, rules)).toMatchObject({ by: 'cache' })
  })

  test('a route that comes to name a header does not get what was stored before', async () => {
    const service = openService()
    await service.send()
    expect(await service.send({}, {}, { vary: ['x-tenant'] })).toMatchObject({ by: 'passed' })
  })
})

describe('section 4.2: freshness', () => {
  test.each<[string, number, Handler, 'cache' | 'handler']>([
    ['max-age=10', 9, lasting('max-age=10'), 'cache'],
    ['max-age=10', 10, lasting('max-age=10'), 'handler'],
    ['max-age=100, s-maxage=10', 10, lasting('max-age=100, s-maxage=10'), 'handler'],
    ['max-age=10, s-maxage=100', 99, lasting('max-age=10, s-maxage=100'), 'cache'],
    ['max-age=10, max-age=100', 10, lasting('max-age=10, max-age=100'), 'handler'],
    ['max-age=100, max-age=10', 10, lasting('max-age=100, max-age=10'), 'handler'],
    ['max-age=10 over Expires', 10, lasting('max-age=10', { expires: date(100) }), 'handler'],
    ['Expires', 59, { headers: { expires: date(60) } }, 'cache'],
    ['Expires', 60, { headers: { expires: date(60) } }, 'handler'],
    ['Expires counted from an early Date', 15, { headers: { expires: date(10), date: date(-10) } }, 'handler'],
    ['Age: 50 of max-age=60', 9, lasting('max-age=60', { age: '50' }), 'cache'],
    ['Age: 50 of max-age=60', 10, lasting('max-age=60', { age: '50' }), 'handler'],
    ['a Date 50 s ago of max-age=60', 10, lasting('max-age=60', { date: date(-50) }), 'handler'],
    ['must-revalidate', 9, lasting('max-age=10, must-revalidate'), 'cache'],
    ['proxy-revalidate', 9, lasting('max-age=10, proxy-revalidate'), 'cache'],
  ])('%s after %i s', async (_, seconds, handler, by) => {
    expect(await after(seconds, handler)).toMatchObject({ by })
  })

  test('4.2.3: Age counts from where the reply was made', async () => {
    expect((await after(7, lasting('max-age=60', { age: '30' }))).headers).toMatchObject({ age: '37' })
    expect((await after(7, lasting('max-age=60', { date: date(-30) }))).headers).toMatchObject({ age: '37' })
    expect((await after(7, lasting('max-age=60'))).headers).toMatchObject({ age: '7' })
  })
})

describe('section 4.2.4 and RFC 5861: stale replies', () => {
  const failing: Handler = { status: 503, headers: {}, body: 'down' }

  test.each<[string, string, number, Handler | 'fails', number]>([
    ['stale-if-error and a handler that throws', 'max-age=10, stale-if-error=60', 11, 'fails', 200],
    ['stale-if-error and a 500', 'max-age=10, stale-if-error=60', 11, { ...failing, status: 500 }, 200],
    ['stale-if-error and a 502', 'max-age=10, stale-if-error=60', 11, { ...failing, status: 502 }, 200],
    ['stale-if-error and a 503', 'max-age=10, stale-if-error=60', 69, failing, 200],
    ['stale-if-error and a 504', 'max-age=10, stale-if-error=60', 11, { ...failing, status: 504 }, 200],
    ['stale-if-error past its end', 'max-age=10, stale-if-error=60', 70, failing, 503],
    ['stale-if-error and a 404', 'max-age=10, stale-if-error=60', 11, { ...failing, status: 404 }, 404],
    ['no word of it', 'max-age=10', 11, failing, 503],
    ['stale-if-error under must-revalidate', 'max-age=10, stale-if-error=60, must-revalidate', 11, failing, 503],
    ['stale-if-error under proxy-revalidate', 'max-age=10, stale-if-error=60, proxy-revalidate', 11, failing, 503],
  ])('%s: %s, after %i s', async (_, directives, seconds, next, status) => {
    expect(await after(seconds, lasting(directives), {}, next)).toMatchObject({ status })
  })

  test.each<[string, string, number, 'cache' | 'handler']>([
    ['stale-while-revalidate', 'max-age=10, stale-while-revalidate=60', 69, 'cache'],
    ['stale-while-revalidate past its end', 'max-age=10, stale-while-revalidate=60', 70, 'handler'],
    [
      'stale-while-revalidate under must-revalidate',
      'must-revalidate, max-age=10, stale-while-revalidate=60',
      11,
      'handler',
    ],
    [
      'stale-while-revalidate under proxy-revalidate',
      'proxy-revalidate, max-age=10, stale-while-revalidate=60',
      11,
      'handler',
    ],
    ['stale-while-revalidate with s-maxage', 's-maxage=10, stale-while-revalidate=60', 11, 'cache'],
    ['stale-if-error alone', 'max-age=10, stale-if-error=60', 11, 'handler'],
  ])('%s: while somebody renders, others after %i s', async (_, directives, seconds, by) => {
    const service = openService()
    await service.send({}, lasting(directives))
    await service.clock.advance(seconds * 1_000)
    const refreshing = await service.responses.lookup({
      method: 'GET',
      scheme: 'https',
      host,
      target: '/page',
      headers: {},
    })
    expect(refreshing.kind).toBe('render')
    const other = service.responses.lookup({ method: 'GET', scheme: 'https', host, target: '/page', headers: {} })
    await service.clock.advance(3_000)
    expect((await other).kind).toBe(by === 'cache' ? 'reply' : 'pass')
  })

  test('s-maxage keeps the lives away that the route alone grants', async () => {
    const service = openService({ staleIfError: '1m' })
    await service.send({}, lasting('s-maxage=10'))
    await service.clock.advance(11_000)
    expect(await service.send({}, failing)).toMatchObject({ status: 503 })
  })

  test('a stale reply says its age', async () => {
    const { headers } = await after(15, lasting('max-age=10, stale-if-error=60'), {}, 'fails')
    expect(headers).toMatchObject({ age: '15', 'cache-status': 'plimsoll; hit; ttl=-5' })
  })
})

describe('section 4.3: validation', () => {
  const tagged = lasting('max-age=60', { etag: '"a"', 'last-modified': date(-100) })
  const get = (headers: Record<string, string>): Request => ({ headers })

  test.each<[string, Record<string, string>, number]>([
    ['the same tag', { 'if-none-match': '"a"' }, 304],
    ['a weak spelling of it', { 'if-none-match': 'W/"a"' }, 304],
    ['one of several tags', { 'if-none-match': '"x", "a"' }, 304],
    ['any tag', { 'if-none-match': '*' }, 304],
    ['another tag', { 'if-none-match': '"b"' }, 200],
    ['a tag without quotes', { 'if-none-match': 'a' }, 200],
    ['a later moment', { 'if-modified-since': date(-50) }, 304],
    ['the same moment', { 'if-modified-since': date(-100) }, 304],
    ['an earlier moment', { 'if-modified-since': date(-101) }, 200],
    ['what is no date', { 'if-modified-since': 'yesterday' }, 200],
    ['another tag and a later moment', { 'if-none-match': '"b"', 'if-modified-since': date(0) }, 200],
  ])('a client that has %s', async (_, headers, status) => {
    expect(await after(1, tagged, get(headers))).toMatchObject({ by: 'cache', status })
  })

  test('a 304 tells what has to be told and no more', async () => {
    const { headers, body } = await after(1, tagged, get({ 'if-none-match': '"a"' }))
    expect(Object.keys(headers).sort()).toEqual([
      'age',
      'cache-control',
      'cache-status',
      'date',
      'etag',
      'last-modified',
    ])
    expect(body).toBe('')
  })

  test('a reply without a tag gets one, on the way to the first client too', async () => {
    const service = openService()
    const first = await service.send()
    const { etag } = first.headers
    expect(etag).toMatch(/^"[\w-]{27}"$/)
    expect(await service.send(get({ 'if-none-match': String(etag) }))).toMatchObject({ by: 'cache', status: 304 })
  })

  test('a rendering anew that comes out the same is a 304 for who has it', async () => {
    const service = openService()
    const handler = { body: 'the same' }
    const { etag } = (await service.send({}, handler)).headers
    await service.clock.advance(60_000)
    const again = await service.send(get({ 'if-none-match': String(etag) }), handler)
    expect(again).toMatchObject({ by: 'handler', status: 304, body: '' })
  })

  test('a 304 of the handler to its own client says nothing of the page', async () => {
    const service = openService()
    const own = await service.send(get({ 'if-none-match': '"a"' }), { status: 304, headers: {}, body: '' })
    expect(own).toMatchObject({ by: 'handler', status: 304 })
    expect(await service.send()).toMatchObject({ by: 'handler', status: 200 })
  })

  test('4.3.4: a stale reply that the handler confirms is fresh again, with the headers of the confirmation', async () => {
    const service = openService()
    await service.send({}, lasting('max-age=10', { etag: '"a"', 'x-version': '1', 'x-other': 'o' }))
    await service.clock.advance(11_000)
    const facts = { method: 'GET', scheme: 'https', host, target: '/page', headers: {} } as const
    const decision = await service.responses.lookup(facts)
    if (decision.kind !== 'render') throw new Error('it is stale')
    expect(decision.conditions()).toEqual({ 'if-none-match': '"a"' })
    const headers = { 'cache-control': 'max-age=20', 'x-version': '2' }
    const settled = decision.settle({ status: 304, headers, body: Buffer.alloc(0), personal: false })
    expect(settled.instead).toMatchObject({ status: 200, headers: { 'x-version': '2', 'x-other': 'o', etag: '"a"' } })
    await service.clock.advance(19_000)
    expect(await service.send()).toMatchObject({ by: 'cache', body: 'page 1', headers: { 'x-version': '2' } })
  })
})

describe('section 4.4: invalidation', () => {
  const unsafe = (method: string, status: number, headers = {}, target = '/page') =>
    [
      { method, target },
      { status, headers },
    ] as const
  test.each<[string, Request, Handler, 'cache' | 'handler']>([
    ['POST answered 200', ...unsafe('POST', 200), 'handler'],
    ['PUT answered 201', ...unsafe('PUT', 201), 'handler'],
    ['DELETE answered 204', ...unsafe('DELETE', 204), 'handler'],
    ['PATCH answered 302', ...unsafe('PATCH', 302), 'handler'],
    ['a method that nobody knows', ...unsafe('FROB', 200), 'handler'],
    ['POST answered 400', ...unsafe('POST', 400), 'cache'],
    ['POST answered 500', ...unsafe('POST', 500), 'cache'],
    ['OPTIONS', ...unsafe('OPTIONS', 200), 'cache'],
    ['POST elsewhere', ...unsafe('POST', 200, {}, '/other'), 'cache'],
    ['POST elsewhere with Location', ...unsafe('POST', 303, { location: '/page' }, '/other'), 'handler'],
    ['POST elsewhere with a relative Location', ...unsafe('POST', 303, { Location: 'page' }, '/other'), 'handler'],
    [
      'POST elsewhere with an absolute Location',
      ...unsafe('POST', 201, { location: `https://${host}/page` }, '/o'),
      'handler',
    ],
    ['POST elsewhere with Content-Location', ...unsafe('POST', 200, { 'content-location': '/page' }, '/o'), 'handler'],
    ['a Location on another host', ...unsafe('POST', 201, { location: 'https://evil.example/page' }, '/o'), 'cache'],
    ['a Location that is no address', ...unsafe('POST', 201, { location: 'https://[' }, '/o'), 'cache'],
  ])('%s', async (_, request, handler, by) => {
    const service = openService()
    await service.send()
    await service.send(request, handler)
    expect(await service.send()).toMatchObject({ by })
  })

  test('all variants go', async () => {
    const service = openService()
    const varied = lasting('max-age=60', { vary: 'accept-language' })
    const languages = ['de', 'en'].map((language) => ({ headers: { 'accept-language': language } }))
    for (const request of languages) await service.send(request, varied)
    await service.responses.invalidate(host, '/page')
    await service.clock.advance(0)
    for (const request of languages) expect(await service.send(request, varied)).toMatchObject({ by: 'handler' })
  })

  test('what was being rendered when it was invalidated is not kept', async () => {
    const service = openService()
    const facts = { method: 'GET', scheme: 'https', host, target: '/page', headers: {} } as const
    const decision = await service.responses.lookup(facts)
    await service.responses.invalidate(host, '/page')
    if (decision.kind !== 'render') throw new Error('nothing is stored')
    const headers = { 'cache-control': 'max-age=60' }
    decision.settle({ status: 200, headers, body: Buffer.from('older'), personal: false })
    await service.clock.advance(0)
    expect(await service.send()).toMatchObject({ by: 'handler' })
  })
})
