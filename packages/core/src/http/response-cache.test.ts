import { describe, expect, test } from 'vitest'
import { InvalidArgumentError, InvalidOptionsError } from '../errors.ts'
import { openLocalCache } from '../testing-support/local-cache.ts'
import { factsOf, host, openService, replyOf } from '../testing-support/response-service.ts'
import { settle } from '../testing-support/stepping-clock.ts'
import { createResponseCache } from './index.ts'

describe('one rendering', () => {
  test('serves all who ask while it goes on', async () => {
    const { responses } = openService()
    const first = await responses.lookup(factsOf({}))
    const others = Promise.all(Array.from({ length: 50 }, () => responses.lookup(factsOf({}))))
    await settle()
    if (first.kind !== 'render') throw new Error('nothing is stored')
    first.settle(replyOf({}, 'page'))
    for (const decision of await others) expect(decision).toMatchObject({ kind: 'reply', body: Buffer.from('page') })
  })

  test('that takes longer than others wait lets them pass', async () => {
    const { responses, clock } = openService({ wait: '1s' })
    await responses.lookup(factsOf({}))
    const other = responses.lookup(factsOf({}))
    await clock.advance(1_000)
    expect(await other).toEqual({ kind: 'pass' })
  })

  test('whose reply may not be stored lets the others pass at once, and those of the next two seconds', async () => {
    const { responses, clock } = openService()
    const first = await responses.lookup(factsOf({}))
    const others = Promise.all(Array.from({ length: 50 }, () => responses.lookup(factsOf({}))))
    await settle()
    if (first.kind === 'render') first.settle(replyOf({ headers: { 'cache-control': 'private' } }, 'secret'))
    expect(await others).toEqual(Array(50).fill({ kind: 'pass' }))
    await clock.advance(1_999)
    expect(await responses.lookup(factsOf({}))).toEqual({ kind: 'pass' })
    await clock.advance(1)
    expect(await responses.lookup(factsOf({}))).toMatchObject({ kind: 'render' })
  })

  test('whose client went away is taken over by one of those who wait', async () => {
    const { responses } = openService()
    const first = await responses.lookup(factsOf({}))
    const others = Array.from({ length: 3 }, () => responses.lookup(factsOf({})))
    await settle()
    if (first.kind === 'render') first.settle(undefined)
    const second = await Promise.race(others)
    if (second.kind !== 'render') throw new Error('one of them renders')
    second.settle(replyOf({}, 'page'))
    expect((await Promise.all(others)).map(({ kind }) => kind).sort()).toEqual(['render', 'reply', 'reply'])
  })

  test('is settled by the rules that the route named after the lookup', async () => {
    const { responses } = openService()
    const german = factsOf({ headers: { 'accept-language': 'de' } })
    const first = await responses.lookup(german)
    if (first.kind !== 'render') throw new Error('nothing is stored')
    first.settle(replyOf({ headers: {} }, 'Seite'), { ttl: '1m', vary: ['accept-language'] })
    await settle()
    expect(await responses.lookup(german)).toMatchObject({ kind: 'reply', body: Buffer.from('Seite') })
    expect(await responses.lookup(factsOf({ headers: { 'accept-language': 'en' } }))).toMatchObject({ kind: 'render' })
  })

  test('is settled once', async () => {
    const { responses } = openService()
    const first = await responses.lookup(factsOf({}))
    if (first.kind !== 'render') throw new Error('nothing is stored')
    first.settle(replyOf({}, 'page'))
    first.settle(replyOf({}, 'another'))
    await settle()
    expect(await responses.lookup(factsOf({}))).toMatchObject({ body: Buffer.from('page') })
  })

  test('of a stale page is done by the one who asked first, others get the stale page at once', async () => {
    const { responses, clock, send } = openService()
    await send({}, { headers: { 'cache-control': 'max-age=10, stale-while-revalidate=60' } })
    await clock.advance(11_000)
    expect(await responses.lookup(factsOf({}))).toMatchObject({ kind: 'render' })
    expect(await responses.lookup(factsOf({}))).toMatchObject({ kind: 'reply', headers: { age: '11' } })
  })

  test('that failed is not tried again for a second where a stale page serves', async () => {
    const { clock, send } = openService()
    await send({}, { headers: { 'cache-control': 'max-age=10, stale-if-error=60' } })
    await clock.advance(11_000)
    expect(await send({}, 'fails')).toMatchObject({ by: 'handler', status: 200, body: 'page 1' })
    expect(await send({}, 'fails')).toMatchObject({ by: 'cache', body: 'page 1' })
    await clock.advance(1_000)
    expect(await send({}, {})).toMatchObject({ by: 'handler', body: 'page 2' })
  })

  test('that fails, on however many pages, leaves the other pages as they are', async () => {
    const { clock, send } = openService()
    const targets = ['/healthy', ...Array.from({ length: 30 }, (_, index) => `/bad/${index}`)]
    const headers = { 'cache-control': 'max-age=10, stale-if-error=3600' }
    for (const target of targets) await send({ target }, { headers })
    await clock.advance(11_000)
    for (const target of targets.slice(1)) {
      expect(await send({ target }, 'fails')).toMatchObject({ by: 'handler', status: 200 })
    }
    expect(await send({ target: '/healthy' }, { body: 'anew' })).toMatchObject({ by: 'handler', body: 'anew' })
    expect(await send({ target: '/new' })).toMatchObject({ by: 'handler' })
    expect(await send({ target: '/new' })).toMatchObject({ by: 'cache' })
  })
})

test('what tells of one request is in no other reply', async () => {
  const { send } = openService()
  const own = { 'X-Request-Id': '1', 'RateLimit-Remaining': '9', 'Server-Timing': 'db;dur=3' }
  const headers = { ...own, 'cache-control': 'max-age=60', 'x-page': 'yes' }
  expect((await send({}, { headers })).headers).toMatchObject(own)
  const { by, headers: later } = await send()
  expect(by).toBe('cache')
  expect(later).toMatchObject({ 'x-page': 'yes' })
  for (const name of Object.keys(own)) expect(later).not.toHaveProperty(name.toLowerCase())
})

describe('a closed cache', () => {
  test('is a pass', async () => {
    const { cache, responses } = openService()
    await cache.close()
    expect(await responses.lookup(factsOf({}))).toEqual({ kind: 'pass' })
  })
})

describe('options', () => {
  test.each<[string, object, string]>([
    ['no hosts', { hosts: [] }, 'hosts'],
    ['a wildcard', { hosts: ['*.shop.example'] }, 'hosts.0'],
    ['a scheme', { hosts: ['https://shop.example'] }, 'hosts.0'],
    ['a name with a space', { name: 'a b' }, 'name'],
    ['no variants', { maxVariants: 0 }, 'maxVariants'],
    ['a tiny body', { maxBodyBytes: 1 }, 'maxBodyBytes'],
    ['a word for a duration', { ttl: 'long' }, 'ttl'],
    ['a header that is none', { credentials: ['a b'] }, 'credentials.0'],
    ['an unknown option', { cookies: true }, 'cookies'],
  ])('%s is refused and named', (_, wrong, path) => {
    const { cache } = openLocalCache()
    const create = () => createResponseCache(cache, { name: 'pages', hosts: [host], ...wrong })
    expect(create).toThrow(InvalidOptionsError)
    expect(create).toThrow(`- ${path}: `)
  })

  test.each([{ ttl: -1 }, { public: 'yes' }, { vary: ['*'] }, { vary: 'accept' }, { unknown: 1 }])(
    'a rule like %o is refused where the route is declared, and a pass where it was not',
    async (rules) => {
      const { responses } = openService()
      expect(() => responses.checkRules(rules as never)).toThrow(InvalidOptionsError)
      expect(await responses.lookup(factsOf({}), rules as never)).toEqual({ kind: 'pass' })
    },
  )

  test('a cache whose local tier clones does not clone replies', async () => {
    const { cache } = openLocalCache({ local: { clone: true } })
    const responses = createResponseCache(cache, { name: 'pages', hosts: [host] })
    const first = await responses.lookup(factsOf({}))
    if (first.kind === 'render') first.settle(replyOf({}, 'page'))
    await settle()
    expect(await responses.lookup(factsOf({}))).toMatchObject({ kind: 'reply' })
  })
})

describe('invalidate', () => {
  test.each([
    ['evil.example', '/page'],
    [host, 'page'],
  ])('%s %s is refused', async (name, path) => {
    await expect(openService().responses.invalidate(name, path)).rejects.toThrow(InvalidArgumentError)
  })
})
