import { expect, test } from 'vitest'
import { Budget } from '../../packages/core/src/redis/budget.ts'
import type { SessionHome } from '../../packages/core/src/session/home.ts'
import type { SessionRecord } from '../../packages/core/src/session/record.ts'
import { until } from './until.ts'

const minute = 60_000

export function budget(): Budget {
  return new Budget(1_000)
}

export function sessionRecord(revision: string, user?: string, createdAt = Date.now()): SessionRecord {
  return { json: JSON.stringify({ revision, cart: ['ä', '"', '\\'] }), user, createdAt, revision }
}

/** What every home of sessions does. `open` answers two homes on the same place, as two processes have them. */
export function sessionHomeConformance(name: string, open: () => Promise<readonly [SessionHome, SessionHome]>): void {
  const pair = () => open()

  test(`${name}: what one process stores the other has, with what is left of its life`, async () => {
    const [home, other] = await pair()
    const record = sessionRecord('1', 'ada')
    expect(await other.load('a', budget())).toBeUndefined()
    expect(await home.create('a', record, minute, budget())).toBe(true)
    for (const each of [home, other]) {
      const loaded = await each.load('a', budget())
      expect(loaded).toMatchObject({ ...record })
      expect(loaded?.ttl).toBeGreaterThan(minute - 5_000)
      expect(loaded?.ttl).toBeLessThanOrEqual(minute)
    }
  })

  test(`${name}: a session is created once, and by whoever repeats himself`, async () => {
    const [home, other] = await pair()
    expect(await home.create('a', sessionRecord('1'), minute, budget())).toBe(true)
    expect(await home.create('a', sessionRecord('1'), minute, budget())).toBe(true)
    expect(await other.create('a', sessionRecord('2'), minute, budget())).toBe(false)
    expect(await other.load('a', budget())).toMatchObject({ revision: '1' })
  })

  test(`${name}: of two that replace the same revision one is told of the other`, async () => {
    const [home, other] = await pair()
    await home.create('a', sessionRecord('1'), minute, budget())
    const outcomes = await Promise.all([
      home.replace('a', sessionRecord('2'), minute, '1', budget()),
      other.replace('a', sessionRecord('3'), minute, '1', budget()),
    ])
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['conflict', 'stored'])
    const winner = outcomes[0].kind === 'stored' ? '2' : '3'
    expect(outcomes.find(({ kind }) => kind === 'conflict')).toMatchObject({ current: { revision: winner } })
    expect(await other.replace('a', sessionRecord('4'), minute, undefined, budget())).toEqual({ kind: 'stored' })
    for (const each of [home, other]) expect(await each.load('a', budget())).toMatchObject({ revision: '4' })
  })

  test(`${name}: nothing brings back what was destroyed`, async () => {
    const [home, other] = await pair()
    await home.create('a', sessionRecord('1'), minute, budget())
    await other.load('a', budget())
    await home.destroy('a', undefined, budget())
    expect(await other.load('a', budget())).toBeUndefined()
    expect(await other.replace('a', sessionRecord('2'), minute, '1', budget())).toEqual({ kind: 'gone' })
    expect(await other.replace('a', sessionRecord('2'), minute, undefined, budget())).toEqual({ kind: 'gone' })
    expect(await other.put('a', sessionRecord('2'), minute, budget())).toBe(false)
    expect(await other.create('a', sessionRecord('2'), minute, budget())).toBe(false)
    expect(await other.touch('a', sessionRecord('1'), minute, budget())).toBe(false)
    expect(await home.load('a', budget())).toBeUndefined()
    await home.destroy('never there', undefined, budget())
  })

  test(`${name}: a touch moves the end for everybody, and what has ended is gone`, async () => {
    const [home, other] = await pair()
    await home.create('a', sessionRecord('1'), 300, budget())
    await other.load('a', budget())
    expect(await home.touch('a', sessionRecord('1'), minute, budget())).toBe(true)
    expect((await other.load('a', budget()))?.ttl).toBeGreaterThan(300)
    await home.touch('a', sessionRecord('1'), 50, budget())
    await until(async () => (await other.load('a', budget())) === undefined, 'the session has ended')
    expect(await other.touch('a', sessionRecord('1'), minute, budget())).toBe(false)
    expect(await home.replace('a', sessionRecord('2'), minute, undefined, budget())).toEqual({ kind: 'gone' })
  })

  test(`${name}: put stores whatever stood there`, async () => {
    const [home, other] = await pair()
    expect(await home.put('a', sessionRecord('1'), minute, budget())).toBe(true)
    expect(await other.put('a', sessionRecord('2'), minute, budget())).toBe(true)
    expect(await home.load('a', budget())).toMatchObject({ revision: '2' })
  })

  test(`${name}: the sessions of a user are known everywhere, oldest first, and end together but for one`, async () => {
    const [home, other] = await pair()
    const login = async (at: SessionHome, handle: string, user: string, createdAt: number): Promise<void> => {
      if (home.enlists === 'before') await at.enlist(user, handle, createdAt, minute, budget())
      await at.create(handle, sessionRecord('1', user, createdAt), minute, budget())
      if (home.enlists === 'after') await at.enlist(user, handle, createdAt, minute, budget())
    }
    const now = Date.now()
    await login(home, 'b', 'ada', now - 2)
    await login(other, 'a', 'ada', now - 1)
    await login(home, 'c', 'ada', now - 3)
    await login(home, 'd', 'bob', now)
    await Promise.all(['a', 'b', 'c', 'd'].map((handle) => other.load(handle, budget())))
    expect((await other.ofUser('ada', budget())).map(({ handle }) => handle)).toEqual(['c', 'b', 'a'])
    expect(await home.destroyUser('ada', 'b', budget())).toBe(2)
    expect((await other.ofUser('ada', budget())).map(({ handle }) => handle)).toEqual(['b'])
    const left = await Promise.all(['a', 'b', 'c', 'd'].map((handle) => other.load(handle, budget())))
    expect(left.map((record) => record?.user)).toEqual([undefined, 'ada', undefined, 'bob'])
  })

  test(`${name}: all sessions are counted, listed and cleared`, async () => {
    const [home, other] = await pair()
    const handles = Array.from({ length: 40 }, (_, index) => `handle-${index}`)
    await Promise.all(handles.map((handle) => home.create(handle, sessionRecord('1'), minute, budget())))
    expect(await other.count()).toBe(40)
    const listed: string[] = []
    for await (const page of other.all()) listed.push(...page.map(({ handle }) => handle))
    expect(listed.sort()).toEqual([...handles].sort())
    expect(await other.clear()).toBe(40)
    expect(await home.count()).toBe(0)
    expect(await home.load('handle-7', budget())).toBeUndefined()
  })
}
