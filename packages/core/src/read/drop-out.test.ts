import { expect, test } from 'vitest'
import { deferred, openLocalCache } from '../testing-support/local-cache.ts'

function open() {
  const { clock, cache } = openLocalCache()
  const texts = cache.namespace<string>({ name: 'text', ttl: 1_000, ttlJitter: 0, staleWhileRevalidate: 5_000 })
  /** What one get came to: whether its load ran, and whether it heard that it need not. */
  const get = (load: () => Promise<string> | string) => {
    const outcome = { loaded: false, droppedOut: false }
    const value = texts.get('a', {
      load: () => {
        outcome.loaded = true
        return load()
      },
      onDropOut: () => {
        outcome.droppedOut = true
      },
    })
    return { value, outcome }
  }
  return { clock, get }
}

test('a get that finds the value here hears that it need not load', async () => {
  const { get } = open()
  await get(() => 'first').value
  const { value, outcome } = get(() => 'never')
  expect(await value).toBe('first')
  expect(outcome).toEqual({ loaded: false, droppedOut: true })
})

test('a get that joins the load of another one hears of it at once', async () => {
  const { clock, get } = open()
  const loading = deferred<string>()
  const first = get(() => loading.promise)
  const second = get(() => 'never')
  expect(second.outcome).toEqual({ loaded: false, droppedOut: true })
  await clock.advance(0)
  expect(first.outcome).toEqual({ loaded: true, droppedOut: false })
  loading.resolve('value')
  expect(await second.value).toBe('value')
})

test('of the gets of a stale value all but the one that refreshes it hear of it', async () => {
  const { clock, get } = open()
  await get(() => 'first').value
  await clock.advance(1_500)
  const loading = deferred<string>()
  const refreshing = get(() => loading.promise)
  const other = get(() => 'never')
  await clock.advance(0)
  expect([await refreshing.value, await other.value]).toEqual(['first', 'first'])
  expect(refreshing.outcome).toEqual({ loaded: true, droppedOut: false })
  expect(other.outcome).toEqual({ loaded: false, droppedOut: true })
  loading.resolve('second')
})
