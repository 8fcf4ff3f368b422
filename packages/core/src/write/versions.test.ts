import { afterEach, expect, test } from 'vitest'
import { createKeySpace } from '../entry/key.ts'
import type { NamespaceOptions } from '../options/namespace-options.ts'
import { type Deferred, deferred } from '../testing-support/local-cache.ts'
import { lasting, SimulatedProcess } from '../testing-support/simulated-process.ts'
import { World } from '../testing-support/simulated-world.ts'

const opened: SimulatedProcess[] = []
afterEach(() => {
  for (const process of opened.splice(0)) process.close()
})

/** Two processes whose saves end when the test says so, and whose rows name their version: `7 text`. */
function open(options: Partial<NamespaceOptions<string>> = {}) {
  const world = new World()
  const saves: Deferred<void>[] = []
  const save = () => {
    const saving = deferred<void>()
    saves.push(saving)
    return saving.promise
  }
  const version = (row: string) => Number.parseInt(row, 10)
  const processes = ['A', 'B'].map(
    (name) => new SimulatedProcess(world, name, { ...lasting(world), save, version, ...options }),
  )
  opened.push(...processes)
  const held = () => world.redis.get(createKeySpace('shop', 'product', 0).value('a'))?.toString('latin1')
  world.onPublish = (message) => {
    for (const process of processes) process.hear(message)
  }
  const [first, second] = processes.map(
    ({ namespace }) =>
      (row: string) =>
        namespace.set('a', row),
  )
  if (first === undefined || second === undefined) throw new Error('there are two')
  return { world, saves, held, first, second, namespace: processes[0]?.namespace }
}

test.each([
  ['1 one', '1 two', undefined],
  ['1 one', '2 two', '2 two'],
  ['2 one', '1 two', '2 one'],
])('of two sets at the same time, %s and %s, Redis keeps %s', async (one, two, kept) => {
  const { world, saves, held, first, second } = open()
  const before = first('0 before')
  await world.calm()
  saves[0]?.resolve()
  await world.calm()
  await before
  const writes = [first(one), second(two)]
  await world.calm()
  for (const saving of saves) {
    saving.resolve()
    await world.calm()
  }
  await Promise.all(writes)
  if (kept === undefined) expect(held()).toBeUndefined()
  else expect(held()).toContain(kept)
})

test('after a clear() versions may start anew', async () => {
  const { world, held, first, namespace } = open({ clearable: true, save: undefined })
  const before = first('9 before')
  await world.calm()
  await before
  expect(held()).toContain('9 before')
  const cleared = namespace?.clear()
  await world.calm()
  await cleared
  const after = first('1 restored')
  await world.calm()
  await after
  expect(held()).toContain('1 restored')
})
