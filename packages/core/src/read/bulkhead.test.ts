import { describe, expect, test } from 'vitest'
import { SourceOverloadedError } from '../errors.ts'
import { settle } from '../testing-support/stepping-clock.ts'
import { Attempt } from './attempt.ts'
import { Bulkhead } from './bulkhead.ts'

const patient = new Attempt()

describe('Bulkhead', () => {
  test('lets so many in at once, the others in the order in which they came', async () => {
    const bulkhead = new Bulkhead(2, 10)
    const entered: number[] = []
    const leave: (() => void)[] = []
    for (let index = 0; index < 5; index++) {
      void bulkhead.enter(patient).then((give) => {
        entered.push(index)
        leave.push(give)
      })
    }
    await settle()
    expect(entered).toEqual([0, 1])
    expect(bulkhead).toMatchObject({ running: 2, waiting: 3 })
    leave[1]?.()
    await settle()
    expect(entered).toEqual([0, 1, 2])
    leave[0]?.()
    leave[2]?.()
    await settle()
    expect(entered).toEqual([0, 1, 2, 3, 4])
    leave[3]?.()
    leave[4]?.()
    expect(bulkhead).toMatchObject({ running: 0, waiting: 0 })
  })

  test('refuses beyond the queue, saying what the limits are', async () => {
    const bulkhead = new Bulkhead(1, 1)
    await bulkhead.enter(patient)
    void bulkhead.enter(patient)
    const refused = bulkhead.enter(patient)
    await expect(refused).rejects.toThrow(SourceOverloadedError)
    await expect(refused).rejects.toThrow(/^1 loads are running and 1 are waiting/)
  })

  test('needs no queue', async () => {
    const bulkhead = new Bulkhead(1, 0)
    const leave = await bulkhead.enter(patient)
    await expect(bulkhead.enter(patient)).rejects.toThrow(SourceOverloadedError)
    leave()
    await expect(bulkhead.enter(patient)).resolves.toBeTypeOf('function')
  })

  test('takes a place back once only', async () => {
    const bulkhead = new Bulkhead(2, 5)
    const leave = await bulkhead.enter(patient)
    await bulkhead.enter(patient)
    leave()
    leave()
    expect(bulkhead.running).toBe(1)
  })

  test('forgets those who give up waiting, with their reason', async () => {
    const bulkhead = new Bulkhead(1, 1)
    const leave = await bulkhead.enter(patient)
    const impatient = new Attempt()
    const waiting = bulkhead.enter(impatient)
    impatient.giveUp(new Error('too late'))
    await expect(waiting).rejects.toThrow('too late')
    expect(bulkhead.waiting).toBe(0)
    const next = bulkhead.enter(patient)
    leave()
    expect(await next).toBeTypeOf('function')
    expect(bulkhead.running).toBe(1)
  })

  test('lets an abort after the entry pass', async () => {
    const bulkhead = new Bulkhead(1, 1)
    const leave = await bulkhead.enter(patient)
    const attempt = new Attempt()
    const second = bulkhead.enter(attempt)
    leave()
    attempt.giveUp(new Error('too late'))
    expect(await second).toBeTypeOf('function')
    expect(bulkhead.running).toBe(1)
  })
})
