import { expect, test } from 'vitest'
import { FakeSource, openLocalCache } from '../testing-support/local-cache.ts'

interface Page {
  readonly text: string
  readonly stale: number
  readonly ifError: number
  readonly kept?: number
}

function open() {
  const { clock, cache } = openLocalCache()
  const source = new FakeSource<Page>(clock)
  const seen: (Page | undefined)[] = []
  const pages = cache.namespace<Page>({
    name: 'page',
    ttl: 1_000,
    ttlJitter: 0,
    earlyExpiration: false,
    staleness: ({ stale, ifError, kept }) => ({ staleWhileRevalidate: stale, staleIfError: ifError, kept }),
    load: async (key, { stale }) => {
      seen.push(stale)
      return await source.load(key)
    },
  })
  return { clock, source, pages, seen }
}

test('a value is answered while it is refreshed for as long as it says itself', async () => {
  const { clock, source, pages } = open()
  source.rows.set('brief', { text: 'old', stale: 100, ifError: 0 })
  source.rows.set('long', { text: 'old', stale: 5_000, ifError: 0 })
  await Promise.all([pages.get('brief'), pages.get('long')])
  for (const key of ['brief', 'long']) source.rows.set(key, { text: 'new', stale: 0, ifError: 0 })
  await clock.advance(1_200)
  expect(await pages.get('brief')).toMatchObject({ text: 'new' })
  expect(await pages.get('long')).toMatchObject({ text: 'old' })
  await clock.advance(0)
  expect(await pages.get('long')).toMatchObject({ text: 'new' })
})

test('a value covers a failing source for as long as it says itself', async () => {
  const { clock, source, pages } = open()
  source.rows.set('covered', { text: 'old', stale: 0, ifError: 5_000 })
  source.rows.set('bare', { text: 'old', stale: 0, ifError: 0 })
  await Promise.all([pages.get('covered'), pages.get('bare')])
  source.error = new Error('down')
  await clock.advance(1_200)
  expect(await pages.get('covered')).toMatchObject({ text: 'old' })
  await expect(pages.get('bare')).rejects.toThrow('down')
  await clock.advance(5_000)
  await expect(pages.get('covered')).rejects.toThrow('down')
})

test('a value is kept for the next load to look at, and not answered', async () => {
  const { clock, source, pages, seen } = open()
  const old = { text: 'old', stale: 0, ifError: 0, kept: 5_000 }
  source.rows.set('a', old)
  await pages.get('a')
  source.rows.set('a', { text: 'new', stale: 0, ifError: 0 })
  await clock.advance(1_200)
  expect(await pages.get('a')).toMatchObject({ text: 'new' })
  expect(seen).toEqual([undefined, old])
})
