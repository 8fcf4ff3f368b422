import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { cleanup } from '../support/cleanup.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { plimsoll } from './plimsoll.ts'

const afterwards = cleanup()
const keys = 1_000_000

test('a million keys: bounded time, no key looks used, no hit but those that are declared', async () => {
  const redis = await startRedisServer({ 'enable-debug-command': 'yes' })
  afterwards(() => redis.stop())
  const client = new Redis(redis.url)
  afterwards(() => client.disconnect())
  await client.call('DEBUG', 'POPULATE', String(keys))
  // SCAN walks the same way each time: these are among the keys that are sampled.
  const [, watched] = await client.scan(0, 'COUNT', 100)
  const idleTimes = () => Promise.all(watched.map((key) => client.object('IDLETIME', key) as Promise<number>))
  // The clock of the LRU ticks once a second: the keys must have been idle for some of its ticks.
  await expect.poll(idleTimes, { timeout: 10_000 }).toSatisfy(all((idle) => idle >= 3))

  for (const sampled of [undefined, 10_000]) {
    const before = { hits: await hits(client), idle: await idleTimes(), misses: await counter(client, 'misses') }
    const argv = sampled === undefined ? [] : ['--sample', String(sampled)]
    const { stdout, code, milliseconds } = await plimsoll('doctor', redis.url, '--json', ...argv)
    expect(code).toBeLessThanOrEqual(2)
    const document = JSON.parse(stdout) as {
      readonly commands: { readonly effect: string }[]
      readonly nodes: { readonly sample?: { readonly keys: number; readonly hitsAdded: number } }[]
    }
    const [node] = document.nodes
    console.log(`doctor on ${keys} keys, sample ${sampled ?? 'none'}: ${Math.round(milliseconds)} ms`)
    const declared = node?.sample?.hitsAdded ?? 0
    // OBJECT IDLETIME of the test itself counts as a hit too.
    const own = watched.length
    expect((await hits(client)) - before.hits).toBe(declared + own)
    expect(await counter(client, 'misses')).toBe(before.misses)
    expect(node?.sample?.keys).toBe(sampled)
    expect(document.commands.some(({ effect }) => /20,000 keyspace hits counted/.test(effect))).toBe(
      sampled !== undefined,
    )
    // Idle for longer than before, all of them: nobody has touched one.
    const after = await idleTimes()
    expect(after.every((idle, index) => idle >= (before.idle[index] ?? 0))).toBe(true)
    expect(milliseconds).toBeLessThan(20_000)
  }
  expect(await client.dbsize()).toBe(keys)
})

function all(holds: (value: number) => boolean): (values: number[]) => boolean {
  return (values) => values.every(holds)
}

function hits(client: Redis): Promise<number> {
  return counter(client, 'hits')
}

async function counter(client: Redis, name: 'hits' | 'misses'): Promise<number> {
  return Number(new RegExp(`keyspace_${name}:(\\d+)`).exec(await client.info('stats'))?.[1])
}
