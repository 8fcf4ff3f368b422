import type { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { cleanup } from '../support/cleanup.ts'
import { callsOf, openCache, untilHit, untilReady } from '../support/open-cache.ts'
import { startReplicatedPair } from '../support/redis-replica.ts'
import { until } from '../support/until.ts'

const afterwards = cleanup()

async function start(readerLag = 100) {
  const { primary, replica: reader, atPrimary, atReplica: atReader } = await startReplicatedPair(afterwards)
  const opened = openCache({ redis: { primary: primary.url, reader: reader.url }, readerLag })
  afterwards(() => opened.cache.close())
  await untilReady(opened)
  const readsAt = (client: Redis): Promise<number> => callsOf(client, 'get', 'mget')
  return { primary, reader, atPrimary, atReader, opened, readsAt }
}

test('reads go to the reader', async () => {
  const { atPrimary, atReader, opened, readsAt } = await start()
  await opened.items.set('key', 'value')
  await until(async () => (await atReader.exists('shop:{item:key}:v')) === 1, 'the replica has the entry')
  // Until the lag is over the key is read from the primary.
  await until(async () => {
    const before = await readsAt(atReader)
    await opened.items.get('key')
    return (await readsAt(atReader)) > before
  }, 'the key is read from the reader')
  const [primaryBefore, readerBefore] = [await readsAt(atPrimary), await readsAt(atReader)]
  for (let round = 0; round < 20; round++) expect(await opened.items.get('key')).toBe('value')
  expect((await readsAt(atReader)) - readerBefore).toBe(20)
  expect(await readsAt(atPrimary)).toBe(primaryBefore)
})

test('a key that this process just wrote is read from the primary, for the reader may lag behind', async () => {
  const { atReader, opened } = await start(60_000)
  await opened.items.set('key', 'old')
  await until(async () => (await atReader.exists('shop:{item:key}:v')) === 1, 'the replica has the entry')
  // From now on the reader lags behind for ever.
  await atReader.replicaof('NO', 'ONE')
  await opened.items.set('key', 'new')
  expect(await opened.items.get('key')).toBe('new')
  await opened.items.set('key', 'newest')
  expect(await opened.items.get('key')).toBe('newest')
  expect(opened.loaded).toEqual([])
})

test('a key that another process wrote is read from the primary too', async () => {
  const { primary, atReader, opened } = await start(60_000)
  const other = openCache({ redis: primary.url })
  afterwards(() => other.cache.close())
  await untilReady(other)
  await atReader.replicaof('NO', 'ONE')
  await other.items.set('key', 'new')
  await until(async () => (await opened.items.get('key')) === 'new', 'this process reads what the other wrote')
})

test('what was written before this process heard anything is read from the primary too', async () => {
  const { primary, replica: reader, atReplica: atReader } = await startReplicatedPair(afterwards)
  const other = openCache({ redis: primary.url })
  afterwards(() => other.cache.close())
  await untilReady(other)
  await other.items.set('key', 'old')
  await until(async () => (await atReader.exists('shop:{item:key}:v')) === 1, 'the replica has the entry')
  await atReader.replicaof('NO', 'ONE')
  await other.items.set('key', 'new')
  const late = openCache({ redis: { primary: primary.url, reader: reader.url }, readerLag: 60_000, local: {} })
  afterwards(() => late.cache.close())
  await untilReady(late)
  expect(await late.items.get('key')).toBe('new')
})

test.each(['killed', 'frozen'] as const)('with the reader %s the primary is read', async (trouble) => {
  const { reader, opened } = await start(1)
  await opened.items.set('key', 'value')
  await (trouble === 'killed' ? reader.kill() : reader.freeze())
  expect(await untilHit(opened, 'key')).toBe('value')
  await untilReady(opened)
  for (let round = 0; round < 20; round++) expect(await opened.items.get('key')).toBe('value')
  expect(opened.loaded).toEqual([])
  expect(opened.cache.health().mode).toBe('normal')
})

test('with the primary killed the reader is read, and what was written is not read from it', async () => {
  const { primary, atReader, opened } = await start(1)
  await opened.items.set('key', 'value')
  await opened.items.set('written', 'old')
  await until(async () => (await atReader.exists('shop:{item:written}:v')) === 1, 'the replica has the entries')
  await primary.kill()
  await until(() => opened.cache.health().mode !== 'normal', 'the mode tells of it')
  expect(await untilHit(opened, 'key')).toBe('value')
  expect(opened.cache.health().mode).toBe('read-only')
  await opened.items.set('written', 'new')
  for (let round = 0; round < 5; round++) expect(await opened.items.get('written')).toBe('new')
})
