import { expect, test } from 'vitest'
import { BehindTrial } from '../testing-support/behind-trial.ts'

test('where the source took what it did not confirm, the cached number is not believed any more', async () => {
  const trial: BehindTrial<number> = new BehindTrial<number>(
    { losesData: false, kills: false },
    { counters: true },
    () => ({
      load: async (key) => trial.ledger.sumOf(key),
    }),
  )
  const { world, processes, ledger } = trial
  const [process] = processes
  const increments = [process?.namespace.increment('a', 1)]
  await world.restUntil(() => ledger.sumOf('a') === 1 && trial.depth === 0, 10_000)
  const before = process?.namespace.get('a')
  await world.calm()
  expect(await before).toBe(1)
  if (process !== undefined) process.parted = true
  ledger.confirms = false
  increments.push(process?.namespace.increment('a', 4))
  const outcomes = Promise.allSettled(increments)
  await world.calm()
  expect((await outcomes).map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
  expect(ledger.sumOf('a')).toBe(5)
  ledger.confirms = true
  process?.recover()
  await world.restUntil(() => process?.pendingInvalidations === 0, 10_000)
  const after = processes.map(({ namespace }) => namespace.get('a'))
  await world.calm()
  expect(await Promise.all(after)).toEqual([5, 5, 5])
  const ended = trial.end()
  await world.calm()
  expect(await ended).toEqual([])
  trial.close()
})
