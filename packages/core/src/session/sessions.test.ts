import { describe, expect, test } from 'vitest'
import { Cache } from '../cache.ts'
import { SessionsUnavailableError } from '../errors.ts'
import { parseCacheOptions } from '../options/cache-options.ts'
import { Deadline } from '../redis/budget.ts'
import { SteppingClock, settle } from '../testing-support/stepping-clock.ts'
import { Ending } from './ending.ts'
import { Handouts } from './handouts.ts'
import type { IndexedSession, SessionHome } from './home.ts'
import { Lifetimes } from './lifetimes.ts'
import { LossGrace } from './loss.ts'
import type { SessionRecord } from './record.ts'
import { Saving } from './saving.ts'
import { Sessions } from './sessions.ts'
import { Shadows } from './shadows.ts'
import { SizeGuard } from './size-guard.ts'
import { createSessionCounters } from './statistics.ts'
import { UserLimit } from './user-limit.ts'

/** Sessions in memory; `trouble` makes every call fail. */
class FakeHome implements SessionHome {
  readonly enlists = 'before'
  readonly sessions = new Map<string, { record: SessionRecord; endsAt: number }>()
  readonly calls: string[] = []
  trouble: SessionsUnavailableError | undefined
  readonly #clock: SteppingClock

  constructor(clock: SteppingClock) {
    this.#clock = clock
  }

  #called(name: string): void {
    this.calls.push(name)
    if (this.trouble !== undefined) throw this.trouble
  }

  #living(handle: string) {
    const found = this.sessions.get(handle)
    return found !== undefined && found.endsAt > this.#clock.now() ? found : undefined
  }

  #set(handle: string, record: SessionRecord, ttl: number): true {
    this.sessions.set(handle, { record, endsAt: this.#clock.now() + ttl })
    return true
  }

  async load(handle: string) {
    this.#called('load')
    const found = this.#living(handle)
    return found && { ...found.record, ttl: found.endsAt - this.#clock.now() }
  }

  async create(handle: string, record: SessionRecord, ttl: number) {
    this.#called('create')
    return this.#living(handle) === undefined && this.#set(handle, record, ttl)
  }

  async replace(handle: string, record: SessionRecord, ttl: number, expected: string | undefined) {
    this.#called('replace')
    const found = this.#living(handle)
    if (found === undefined) return { kind: 'gone' } as const
    if (expected !== undefined && found.record.revision !== expected) {
      return { kind: 'conflict', current: { ...found.record, ttl: 1 } } as const
    }
    this.#set(handle, record, ttl)
    return { kind: 'stored' } as const
  }

  async put(handle: string, record: SessionRecord, ttl: number) {
    this.#called('put')
    return this.#set(handle, record, ttl)
  }

  async touch(handle: string, _record: SessionRecord, ttl: number) {
    this.#called('touch')
    const found = this.#living(handle)
    return found !== undefined && this.#set(handle, found.record, ttl)
  }

  async destroy(handle: string) {
    this.#called('destroy')
    return this.sessions.delete(handle)
  }

  async enlist(user: string) {
    return await this.ofUser(user)
  }

  async delist() {}

  async ofUser(user: string): Promise<readonly IndexedSession[]> {
    this.#called('ofUser')
    const listed = [...this.sessions].filter(([, { record }]) => record.user === user)
    return listed.map(([handle, { record }]) => ({ handle, createdAt: record.createdAt }))
  }

  async destroyUser(user: string, except: string | undefined) {
    this.#called('destroyUser')
    const ending = (await this.ofUser(user)).filter(({ handle }) => handle !== except)
    for (const { handle } of ending) this.sessions.delete(handle)
    return ending.length
  }

  async count() {
    return this.sessions.size
  }

  async *all() {}

  async clear() {
    return 0
  }

  async close() {}
}

const unreachable = new SessionsUnavailableError('unreachable', 2)

function open({
  shadow = false,
  userOf,
}: {
  shadow?: boolean
  userOf?: (data: Record<string, unknown>) => string
} = {}) {
  const clock = new SteppingClock()
  const home = new FakeHome(clock)
  const counters = createSessionCounters()
  const absoluteTimeout = 3_600_000
  const lifetimes = new Lifetimes({ idleTimeout: 600_000, absoluteTimeout, touchAfter: undefined }, clock)
  const shadows = shadow ? new Shadows(clock, 5_000, 65_536) : undefined
  const handouts = new Handouts(clock)
  const budget = () => new Deadline(60_000)
  const shared = { home, connectRedis: undefined, shadows, counters, clock }
  const ending = new Ending({ ...shared, budget })
  const { pending } = ending
  const limit = new UserLimit({
    ...{ home, pending, counters, clock, absoluteTimeout, limit: undefined, whenTooMany: 'oldest-out' },
  })
  const logger = { debug() {}, info() {}, warn() {}, error() {} }
  const sizes = new SizeGuard(8_000, 100_000, logger)
  const saving = new Saving({ ...shared, limit, ending, handouts, lifetimes, sizes, merge: false, userOf })
  const heard = { others: true }
  const sessions = new Sessions({
    ...{ ...shared, saving, ending, handouts, lifetimes, budget },
    cache: new Cache(parseCacheOptions({ name: 'shop', local: false })),
    loss: new LossGrace(clock, 30_000, false),
    hearsOthers: () => heard.others,
    trouble: () => undefined,
  })
  return { clock, home, sessions, heard, counters: () => sessions.statistics().sessions }
}

describe('a session slides', () => {
  test('with at most one write a minute, however often it is seen', async () => {
    const { clock, home, sessions } = open()
    await sessions.save('a', { cart: [] })
    for (let second = 0; second < 300; second++) {
      await clock.advance(1_000)
      const from = await sessions.load('a')
      if (from !== undefined) await sessions.save('a', from.data, { from })
    }
    expect(home.calls.filter((call) => call === 'touch')).toHaveLength(5)
    expect(home.calls).not.toContain('replace')
    expect((await sessions.load('a'))?.expiresAt).toBeGreaterThan(clock.now() + 539_000)
  })

  test('until its cap, and is none from then on', async () => {
    const { clock, sessions } = open()
    const { createdAt } = await sessions.save('a', {})
    let seen = createdAt
    for (let minute = 0; minute < 70; minute++) {
      await clock.advance(60_000)
      const from = await sessions.load('a')
      if (from === undefined) break
      seen = clock.now()
      expect((await sessions.touch('a', from))?.expiresAt).toBeLessThanOrEqual(createdAt + 3_600_000)
    }
    expect(seen - createdAt).toBe(3_540_000)
  })

  test('where Redis cannot be asked it ends when it would have, and nobody is told otherwise', async () => {
    const { clock, home, sessions, counters } = open()
    const from = await sessions.save('a', { n: 1 })
    await clock.advance(120_000)
    home.trouble = unreachable
    expect(await sessions.touch('a', from)).toMatchObject({ expiresAt: from.expiresAt })
    expect(await sessions.save('a', { n: 1 }, { from })).toMatchObject({ expiresAt: from.expiresAt })
    await expect(sessions.save('a', { n: 2 }, { from })).rejects.toBe(unreachable)
    expect(counters().touchesMissed).toBe(2)
  })
})

describe('whose session it is', () => {
  test('is told by the caller, else by the data, else as before', async () => {
    const { sessions } = open({ userOf: (data) => data['uid'] as string })
    const first = await sessions.save('a', { uid: 'ada' })
    expect(first.user).toBe('ada')
    const second = await sessions.save('a', { uid: 'bob' }, { from: first, user: 'eve' })
    expect(second.user).toBe('eve')
    expect((await sessions.save('a', { n: 1 }, { from: second })).user).toBe('eve')
    await expect(sessions.save('b', { uid: 'x'.repeat(300) })).rejects.toMatchObject({
      code: 'PLIMSOLL_INVALID_ARGUMENT',
    })
  })
})

describe('a logout that is not acknowledged', () => {
  test('counts in this process at once, and no late save brings the session back', async () => {
    const { clock, home, sessions, counters } = open({ shadow: true })
    const from = await sessions.save('a', { n: 1 }, { user: 'ada' })
    home.trouble = unreachable
    await expect(sessions.destroy('a')).rejects.toBe(unreachable)
    home.trouble = undefined
    expect(await sessions.load('a')).toBeUndefined()
    expect(await sessions.touch('a', from)).toBeUndefined()
    await expect(sessions.save('a', { n: 2 }, { from })).rejects.toMatchObject({ code: 'PLIMSOLL_SESSION_GONE' })
    await expect(sessions.put('a', { n: 2 })).rejects.toMatchObject({ code: 'PLIMSOLL_SESSION_GONE' })
    await clock.advance(10_000)
    expect(home.sessions.size).toBe(0)
    expect(counters()).toMatchObject({ destroysReplayed: 1, destroyed: 1 })
  })

  test('everywhere: the older sessions of the user are none from now on, a later login is one', async () => {
    const { clock, home, sessions } = open()
    for (const id of ['a', 'b', 'stays']) await sessions.save(id, {}, { user: 'ada' })
    home.trouble = unreachable
    await expect(sessions.logoutEverywhere('ada', { except: 'stays' })).rejects.toBe(unreachable)
    home.trouble = undefined
    expect(await sessions.load('a')).toBeUndefined()
    expect(await sessions.load('stays')).toBeDefined()
    await clock.advance(1)
    await sessions.save('later', {}, { user: 'ada' })
    await clock.advance(10_000)
    expect(sessions.health().sessions.pendingDestroys).toBe(0)
    expect((await home.ofUser('ada')).map(({ handle }) => handle)).toEqual(
      ['stays', 'later'].map((id) => sessions.handleOf(id)),
    )
  })
})

describe('a new id', () => {
  test('is taken back where the old one cannot be ended, and the old one stays', async () => {
    const { home, sessions } = open()
    const from = await sessions.save('old', { n: 1 })
    const { destroy } = home
    home.destroy = async (handle) => {
      if (handle === sessions.handleOf('old')) throw unreachable
      return await destroy.call(home, handle)
    }
    await expect(sessions.regenerate('old', 'new', { n: 1 }, { from, user: 'ada' })).rejects.toBe(unreachable)
    expect(await sessions.load('new')).toBeUndefined()
    expect(await sessions.load('old')).toMatchObject({ data: { n: 1 } })
    await settle()
    expect(sessions.health().sessions.pendingDestroys).toBe(0)
  })
})

describe('a shadow', () => {
  test('is served read-only for a while, and only where other processes would be heard', async () => {
    const { clock, home, sessions, heard } = open({ shadow: true })
    await sessions.save('a', { n: 1 }, { user: 'ada' })
    home.trouble = unreachable
    const shown = await sessions.load('a')
    expect(shown).toMatchObject({ data: { n: 1 }, readOnly: true })
    heard.others = false
    await expect(sessions.load('a')).rejects.toBe(unreachable)
    heard.others = true
    await expect(sessions.load('a', { shadow: false })).rejects.toBe(unreachable)
    await clock.advance(5_001)
    await expect(sessions.load('a')).rejects.toBe(unreachable)
    home.trouble = undefined
    await expect(sessions.save('a', { n: 2 }, shown && { from: shown })).rejects.toMatchObject({ statusCode: 503 })
  })

  test('is not served where Redis has lost its data', async () => {
    const { home, sessions } = open({ shadow: true })
    await sessions.save('a', { n: 1 })
    home.trouble = new SessionsUnavailableError('loss', 5)
    await expect(sessions.load('a')).rejects.toMatchObject({ reason: 'loss' })
  })
})

test('what was not handed out here cannot be saved from', async () => {
  const { sessions } = open()
  const from = await sessions.save('a', {})
  await expect(sessions.save('a', {}, { from: { ...from } })).rejects.toMatchObject({ argument: 'from' })
  for (const data of [null, [], 'text', 5, { n: 1n }, undefined]) {
    await expect(sessions.save('b', data as never)).rejects.toMatchObject({ argument: 'data' })
  }
})
