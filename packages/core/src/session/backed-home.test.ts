import { expect, test } from 'vitest'
import { silentLogger } from '../options/logger.ts'
import { Budget } from '../redis/budget.ts'
import { MemoryBacking } from '../testing-support/memory-backing.ts'
import { drawing, SteppingClock, settle } from '../testing-support/stepping-clock.ts'
import { BackedHome } from './backed-home.ts'
import type { SessionBacking } from './backing.ts'
import { createSessions } from './create-sessions.ts'
import type { SessionRecord } from './record.ts'

const minute = 60_000

function open(change: (backing: MemoryBacking) => SessionBacking = (backing) => backing) {
  const clock = new SteppingClock()
  const backing = new MemoryBacking(clock)
  const logged: object[] = []
  const log = (details: object) => void logged.push(details)
  const logger = { ...silentLogger, debug: log, warn: log }
  const home = new BackedHome(change(backing), { cache: undefined, clock, random: drawing(0.5), logger })
  return { clock, backing, home, logged }
}

function budget(): Budget {
  return new Budget(1_000)
}

function record(revision: string, user?: string, createdAt = 0): SessionRecord {
  return { json: `{"revision":"${revision}"}`, user, createdAt, revision }
}

test('a session is there for its time, and longer where it is touched', async () => {
  const { clock, home } = open()
  expect(await home.create('a', record('1', 'ada'), minute, budget())).toBe(true)
  await clock.advance(minute / 2)
  expect(await home.load('a', budget())).toEqual({ ...record('1', 'ada'), ttl: minute / 2 })
  expect(await home.touch('a', record('1'), minute, budget())).toBe(true)
  await clock.advance(minute - 1)
  expect(await home.load('a', budget())).toMatchObject({ ttl: 1 })
  await clock.advance(1)
  expect(await home.load('a', budget())).toBeUndefined()
  expect(await home.touch('a', record('1'), minute, budget())).toBe(false)
})

test('a session is created once, and by whoever repeats himself', async () => {
  const { home } = open()
  expect(await home.create('a', record('1'), minute, budget())).toBe(true)
  expect(await home.create('a', record('1'), minute, budget())).toBe(true)
  expect(await home.create('a', record('2'), minute, budget())).toBe(false)
  expect(await home.load('a', budget())).toMatchObject({ revision: '1' })
})

test('a session is replaced only where it is the expected one', async () => {
  const { home } = open()
  await home.create('a', record('1'), minute, budget())
  expect(await home.replace('a', record('2'), minute, '1', budget())).toEqual({ kind: 'stored' })
  const current = { ...record('2'), ttl: minute }
  expect(await home.replace('a', record('3'), minute, '1', budget())).toEqual({ kind: 'conflict', current })
  expect(await home.replace('a', record('3'), minute, undefined, budget())).toEqual({ kind: 'stored' })
  await home.destroy('a', undefined, budget())
  expect(await home.replace('a', record('4'), minute, '3', budget())).toEqual({ kind: 'gone' })
  expect(await home.replace('a', record('4'), minute, undefined, budget())).toEqual({ kind: 'gone' })
})

test('whoever does not mind what stands there is not stopped by others that replace it', async () => {
  const { home, backing } = open((memory) => ({
    ...bound(memory),
    load: async (handle) => {
      const session = await memory.load(handle)
      // Somebody replaces it, three times, right after it was read.
      if (session !== undefined && Number(session.revision) < 4) {
        memory.sessions.set(handle, { ...session, revision: String(Number(session.revision) + 1) })
      }
      return session
    },
  }))
  await home.create('a', record('1'), minute, budget())
  expect(await home.replace('a', record('mine'), minute, undefined, budget())).toEqual({ kind: 'stored' })
  expect(backing.sessions.get('a')?.revision).toBe('mine')
})

test('put stores over anything but a session that was destroyed', async () => {
  const { home } = open()
  expect(await home.put('a', record('1'), minute, budget())).toBe(true)
  expect(await home.put('a', record('2'), minute, budget())).toBe(true)
  expect(await home.load('a', budget())).toMatchObject({ revision: '2' })
  await home.destroy('a', undefined, budget())
  expect(await home.put('a', record('3'), minute, budget())).toBe(false)
  expect(await home.create('a', record('3'), minute, budget())).toBe(false)
  expect(await home.load('a', budget())).toBeUndefined()
})

test('the sessions of a user are known, oldest first, and end together but for one', async () => {
  const { home } = open()
  await home.create('b', record('1', 'ada', 2), minute, budget())
  await home.create('a', record('1', 'ada', 3), minute, budget())
  await home.create('c', record('1', 'ada', 1), minute, budget())
  await home.create('d', record('1', 'bob', 0), minute, budget())
  expect((await home.enlist('ada')).map(({ handle }) => handle)).toEqual(['c', 'b', 'a'])
  expect(await home.destroyUser('ada', 'b', budget())).toBe(2)
  expect((await home.ofUser('ada')).map(({ handle }) => handle)).toEqual(['b'])
  expect(await home.count()).toBe(2)
})

test('all sessions are listed page by page, and cleared', async () => {
  const { home, backing } = open()
  for (let index = 0; index < 1_200; index++) {
    const expiresAt = backing.sessions.size === 0 ? 0 : Number.MAX_SAFE_INTEGER
    backing.sessions.set(`handle-${index}`, { ...record('1'), expiresAt })
  }
  const pages: number[] = []
  for await (const page of home.all()) pages.push(page.length)
  expect(pages).toEqual([500, 500, 199])
  expect(await home.clear()).toBe(1_199)
  expect(await home.count()).toBe(0)
})

test('a backing that fails is unreachable, never an absence, and its messages reach nobody', async () => {
  const { home, backing, logged } = open()
  expect(home.trouble).toBeUndefined()
  backing.failure = Object.assign(new Error('duplicate key value: (handle)=(secret)'), { code: '08006' })
  const unreachable = { code: 'PLIMSOLL_SESSIONS_UNAVAILABLE', reason: 'unreachable', statusCode: 503, retryAfter: 2 }
  for (const call of [
    () => home.load('a', budget()),
    () => home.create('a', record('1'), minute, budget()),
    () => home.replace('a', record('1'), minute, '0', budget()),
    () => home.put('a', record('1'), minute, budget()),
    () => home.touch('a', record('1'), minute, budget()),
    () => home.destroy('a', undefined, budget()),
    () => home.ofUser('ada'),
    () => home.destroyUser('ada', undefined, budget()),
    () => home.count(),
  ]) {
    const error = await call().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject(unreachable)
    expect(String((error as Error).stack)).not.toContain('secret')
  }
  for (let time = 0; time < 10; time++) await home.load('a', budget()).catch(() => {})
  expect(home.trouble).toBe('unreachable')
  expect(JSON.stringify(logged)).toContain('08006')
  expect(JSON.stringify(logged)).not.toContain('secret')
})

test('a backing that does not answer is given up after 3 s', async () => {
  const { clock, home, backing } = open()
  backing.held = new Promise(() => {})
  const loading = home.load('a', budget()).catch((error: unknown) => error)
  await clock.advance(2_999)
  let settled = false
  void loading.then(() => {
    settled = true
  })
  await settle()
  expect(settled).toBe(false)
  await clock.advance(1)
  expect(await loading).toMatchObject({ reason: 'unreachable' })
})

test('what a backing cannot do is said, and does not count against it', async () => {
  const { home } = open(bound)
  for (let time = 0; time < 20; time++) {
    await expect(home.ofUser('ada')).rejects.toMatchObject({ code: 'PLIMSOLL_INVALID_ARGUMENT', argument: 'backing' })
  }
  await expect(home.destroyUser('ada', undefined, budget())).rejects.toThrow('deleteUser')
  await expect(home.count()).rejects.toThrow('count')
  await expect(home.clear()).rejects.toThrow('page')
  expect(await home.create('a', record('1'), minute, budget())).toBe(true)
  expect(await home.touch('a', record('1'), 2 * minute, budget())).toBe(true)
  expect(await home.load('a', budget())).toMatchObject({ revision: '1', ttl: 2 * minute })
})

test('a limit of sessions a user needs a backing that can list them', () => {
  const backing = bound(new MemoryBacking(new SteppingClock()))
  expect(() => createSessions({ name: 'shop', backing, maxSessionsPerUser: 3 })).toThrow(
    expect.objectContaining({
      code: 'PLIMSOLL_INVALID_OPTIONS',
      issues: [{ path: 'backing', expected: expect.stringContaining('ofUser') }],
    }),
  )
})

test('sessions that have ended are deleted now and then, until it is closed', async () => {
  const { clock, home, backing } = open()
  await home.create('a', record('1'), minute, budget())
  await clock.advance(10 * minute)
  expect(backing.sessions.size).toBe(0)
  backing.failure = new Error('down')
  await clock.advance(10 * minute)
  await clock.advance(10 * minute)
  expect(backing.calls.filter((call) => call === 'deleteExpired')).toHaveLength(3)
  await home.close()
  expect(clock.pending).toBe(0)
})

test('a clean-up that takes long is not begun twice', async () => {
  const { clock, home, backing } = open()
  let release = () => {}
  backing.held = new Promise((resolve) => {
    release = resolve
  })
  await clock.advance(60 * minute)
  expect(backing.calls).toEqual(['deleteExpired'])
  release()
  await clock.advance(10 * minute)
  expect(backing.calls).toHaveLength(2)
  await home.close()
})

function bound(memory: MemoryBacking): SessionBacking {
  return {
    load: (handle) => memory.load(handle),
    save: (handle, session, expected) => memory.save(handle, session, expected),
    delete: (handle) => memory.delete(handle),
  }
}
