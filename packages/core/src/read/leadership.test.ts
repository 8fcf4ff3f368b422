import { afterEach, expect, test, vi } from 'vitest'
import { createKeySpace } from '../entry/key.ts'
import { openOnLateRedis } from '../testing-support/late-redis.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

function open() {
  const loaded: string[] = []
  const load = (key: string) => {
    loaded.push(key)
    return key
  }
  const opened = openOnLateRedis({ load }, [1])
  const { lease } = createKeySpace('shop', 'item', 0).leader
  const isLed = () => opened.redis.get(lease) !== null
  const count = (key: string) => loaded.splice(0).filter((one) => one === key).length
  return { ...opened, isLed, count }
}

test('what is refreshed at several intervals is led by one process, and none keeps it from the others', async () => {
  const { clock, namespace, count, close } = open()
  const often = namespace.refreshEvery('1s', { keys: ['often'] })
  const seldom = namespace.refreshEvery('5s', { keys: ['seldom'] })
  await clock.advance(20_500)
  expect([often.leads, seldom.leads]).toEqual([true, true])
  expect(count('seldom')).toBe(5)
  await clock.advance(5_000)
  expect(count('often')).toBe(5)
  often.stop()
  seldom.stop()
  close()
})

test('the lease is given back by the last one, and taken again by the next', async () => {
  const { clock, namespace, isLed, count, close } = open()
  const first = namespace.refreshEvery('1s', { keys: ['first'] })
  const second = namespace.refreshEvery('1s', { keys: ['second'] })
  await clock.advance(1_500)
  first.stop()
  first.stop()
  await clock.advance(10)
  expect(isLed()).toBe(true)
  count('second')
  await clock.advance(10_000)
  expect(count('second')).toBe(10)
  second.stop()
  await clock.advance(10)
  expect(isLed()).toBe(false)
  const third = namespace.refreshEvery('1s', { keys: ['third'] })
  await clock.advance(100)
  expect(third.leads).toBe(true)
  third.stop()
  close()
})

test('one that is stopped while it asks to lead gives back what it gets', async () => {
  const { clock, namespace, isLed, close } = open()
  const refreshing = namespace.refreshEvery('1s', { keys: ['a'] })
  refreshing.stop()
  await clock.advance(10)
  expect(isLed()).toBe(false)
  expect(refreshing.leads).toBe(false)
  close()
})

test('a clock that is set back does not keep the leader from its rounds', async () => {
  const { clock, namespace, count, close } = open()
  const refreshing = namespace.refreshEvery('1s', { keys: ['a'] })
  await clock.advance(3_500)
  count('a')
  const now = clock.now.bind(clock)
  vi.spyOn(clock, 'now').mockImplementation(() => now() - 3_600_000)
  await clock.advance(10_000)
  expect(refreshing.leads).toBe(true)
  expect(count('a')).toBe(10)
  refreshing.stop()
  close()
})
