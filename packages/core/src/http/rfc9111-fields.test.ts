import { describe, expect, test } from 'vitest'
import { openService, type Request } from '../testing-support/response-service.ts'

const asking = (value: string): Request => ({ headers: { 'cache-control': value } })

async function after(seconds: number, request: Request) {
  const service = openService()
  await service.send()
  await service.clock.advance(seconds * 1_000)
  return await service.send(request)
}

describe('section 5.2.1: request directives', () => {
  test.each([
    ['max-age=10', 9, 'cache'],
    ['max-age=10', 11, 'passed'],
    ['max-age=0', 1, 'passed'],
    ['MAX-AGE=0', 1, 'passed'],
    ['max-age=x', 1, 'passed'],
    ['min-fresh=50', 9, 'cache'],
    ['min-fresh=50', 11, 'passed'],
    ['max-stale', 1, 'cache'],
    ['max-stale=10', 61, 'handler'],
    ['no-cache', 0, 'passed'],
    ['No-Cache', 0, 'passed'],
    ['no-store', 0, 'passed'],
    ['x, no-cache', 0, 'passed'],
    ['no-transform', 1, 'cache'],
    ['only-if-cached', 1, 'cache'],
    ['x="', 0, 'passed'],
  ])('%s after %i s: by %s', async (value, seconds, by) => {
    expect(await after(seconds, asking(value))).toMatchObject({ by })
  })

  test('a refused reply stays for those who take it', async () => {
    const service = openService()
    await service.send()
    await service.clock.advance(5_000)
    await service.send(asking('no-cache'))
    expect(await service.send()).toMatchObject({ by: 'cache', body: 'page 1' })
  })

  test('5.2.1.7: only-if-cached without a stored reply is a 504', async () => {
    const service = openService()
    expect(await service.send(asking('only-if-cached'))).toMatchObject({ by: 'cache', status: 504 })
  })

  test('the reply to max-age may still be stored where nothing was', async () => {
    const service = openService()
    await service.send(asking('max-age=0'))
    expect(await service.send()).toMatchObject({ by: 'cache' })
  })
})

describe('section 5.4: Pragma', () => {
  test.each<[string, Record<string, string>, string]>([
    ['no-cache', { pragma: 'no-cache' }, 'passed'],
    ['No-Cache', { Pragma: 'No-Cache' }, 'passed'],
    ['no-cache beside Cache-Control', { pragma: 'no-cache', 'cache-control': 'max-age=30' }, 'cache'],
    ['anything else', { pragma: 'foo' }, 'cache'],
  ])('%s', async (_, headers, by) => {
    expect(await after(1, { headers })).toMatchObject({ by })
  })
})

describe('RFC 9211: Cache-Status', () => {
  test('tells where a reply came from, after the caches before', async () => {
    const service = openService()
    const headers = { 'cache-control': 'max-age=60', 'cache-status': 'origin; hit' }
    const said = async () => (await service.send({}, { headers })).headers['cache-status']
    expect(await said()).toBe('origin; hit, plimsoll; fwd=uri-miss; stored')
    await service.clock.advance(20_000)
    expect(await said()).toBe('origin; hit, plimsoll; hit; ttl=40')
  })
})
