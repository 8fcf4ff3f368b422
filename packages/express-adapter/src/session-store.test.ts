import { promisify } from 'node:util'
import session from 'express-session'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { FakeSessions } from './fake-sessions.fixture.ts'
import { PlimsollSessionStore } from './session-store.ts'

type Held = session.SessionData & Record<string, unknown>

// Both stores have them all.
type WholeStore = Required<session.Store>

const second = 1_000

function held(data: object = {}, maxAge: number | null = 60 * second): Held {
  const expires = maxAge === null ? null : new Date(Date.now() + maxAge)
  return { ...data, cookie: { path: '/', httpOnly: true, originalMaxAge: maxAge, expires } } as unknown as Held
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: 1_700_000_000_000 })
})

afterEach(() => {
  vi.useRealTimers()
})

describe.each([
  ["express-session's own MemoryStore", () => new session.MemoryStore()],
  ['PlimsollSessionStore', () => new PlimsollSessionStore(new FakeSessions())],
])('as documented: %s', (_name, create) => {
  let store: WholeStore
  const get = (id: string) => promisify(store.get.bind(store))(id) as Promise<Held | undefined>
  const set = (id: string, data: Held) => promisify(store.set.bind(store))(id, data)
  const touch = (id: string, data: Held) => promisify(store.touch.bind(store) as typeof store.set)(id, data)
  const length = () => promisify(store.length.bind(store))()
  const all = async () => Object.values((await promisify(store.all.bind(store))()) ?? {}) as Held[]

  beforeEach(() => {
    store = create() as WholeStore
  })

  test('an unknown session is no error and no session', async () => {
    expect(await get('unknown')).toBeUndefined()
  })

  test('what was set comes back, with the times of its cookie as text', async () => {
    await set('a', held({ user: 'ann', cart: ['tea'] }))

    expect(await get('a')).toEqual({
      user: 'ann',
      cart: ['tea'],
      cookie: {
        path: '/',
        httpOnly: true,
        originalMaxAge: 60 * second,
        expires: new Date(Date.now() + 60 * second).toISOString(),
      },
    })
  })

  test('what comes back is a copy', async () => {
    await set('a', held({ cart: ['tea'] }))
    const first = (await get('a')) as Held
    ;(first['cart'] as string[]).push('coffee')

    expect((await get('a'))?.['cart']).toEqual(['tea'])
  })

  test('what is stored is what it was at the call', async () => {
    const data = held({ cart: ['tea'] })
    const stored = set('a', data)
    ;(data['cart'] as string[]).push('coffee')
    await stored

    expect((await get('a'))?.['cart']).toEqual(['tea'])
  })

  test('a session ends with its cookie, to the millisecond', async () => {
    await set('a', held({}, 5_000))

    vi.setSystemTime(Date.now() + 4_999)
    expect(await get('a')).toBeDefined()
    vi.setSystemTime(Date.now() + 1)
    expect(await get('a')).toBeUndefined()
  })

  test('a session whose cookie has ended is not there', async () => {
    await set('a', held({ user: 'ann' }))
    await set('a', held({ user: 'ann' }, 0))

    expect(await get('a')).toBeUndefined()
  })

  test('a session whose cookie ends with the browser has no end that a client would see', async () => {
    await set('a', held({ user: 'ann' }, null))

    expect((await get('a'))?.cookie.expires).toBeNull()
  })

  test('touch moves the end of the cookie and leaves the data', async () => {
    await set('a', held({ user: 'ann' }, 5_000))
    vi.setSystemTime(Date.now() + 3_000)
    await touch('a', held({ user: 'somebody else' }, 5_000))

    const touched = await get('a')
    expect(touched?.['user']).toBe('ann')
    expect(touched?.cookie.expires).toBe(new Date(Date.now() + 5_000).toISOString())
  })

  test('a touch of what is gone is no error and brings nothing back', async () => {
    await touch('a', held())

    expect(await get('a')).toBeUndefined()
  })

  test('destroy ends a session, also one that is not there', async () => {
    await set('a', held())
    const destroy = promisify(store.destroy.bind(store))
    await destroy('a')
    await destroy('a')

    expect(await get('a')).toBeUndefined()
  })

  test('all and length tell of living sessions only', async () => {
    await set('a', held({ user: 'ann' }, 1_000))
    await set('b', held({ user: 'bob' }))
    await set('c', held({ user: 'cay' }))
    vi.setSystemTime(Date.now() + 1_000)

    expect(await length()).toBe(2)
    expect((await all()).map(({ user }) => user).sort()).toEqual(['bob', 'cay'])
  })

  test('clear ends all', async () => {
    await set('a', held())
    await set('b', held())
    await promisify(store.clear.bind(store))()

    expect(await length()).toBe(0)
  })

  test('load answers a Session, whose cookie knows its end', async () => {
    await set('a', held({ user: 'ann' }, 5_000))
    const loaded = (await promisify(store.load.bind(store))('a')) as session.Session & Held

    expect(loaded).toBeInstanceOf(session.Session)
    expect(loaded.id).toBe('a')
    expect(loaded['user']).toBe('ann')
    expect(loaded.cookie.expires).toEqual(new Date(Date.now() + 5_000))
    expect(loaded.cookie.originalMaxAge).toBe(5_000)
  })

  test('works without a callback where there is nothing to answer', async () => {
    store.set('a', held())
    store.touch('a', held())
    store.destroy('b')

    await vi.waitFor(async () => expect(await get('a')).toBeDefined())
  })
})

describe('PlimsollSessionStore', () => {
  let sessions: FakeSessions
  let store: PlimsollSessionStore
  /** A request as the middleware of express-session leaves it. */
  const request = (id: string, held?: session.Session) =>
    ({ sessionID: id, session: held, sessionStore: store }) as unknown as Parameters<typeof store.regenerate>[0]

  beforeEach(() => {
    sessions = new FakeSessions()
    store = new PlimsollSessionStore(sessions)
    session({ store, secret: 'x', resave: false, saveUninitialized: false, genid: () => 'new' })
  })

  test('answers promises where there is no callback', async () => {
    await store.set('a', held({ user: 'ann' }))

    expect(await store.get('a')).toMatchObject({ user: 'ann' })
    expect(await store.length()).toBe(1)
    expect(await store.all()).toHaveLength(1)
    await store.touch('a', held())
    await store.destroy('a')
    await store.clear()
    expect(await store.get('a')).toBeUndefined()
  })

  test('stores no end of the cookie, so that a session that was only looked at is the same text', async () => {
    await store.set('a', held({ user: 'ann' }))

    expect(JSON.parse(sessions.kept.get('a')?.json ?? '')).toEqual({
      user: 'ann',
      cookie: { path: '/', httpOnly: true, originalMaxAge: 60 * second },
    })
  })

  test('an error is told to the callback, and is no unhandled rejection without one', async () => {
    sessions.isDown = true
    const told = await new Promise((resolve) => store.get('a', resolve))
    void store.destroy('a')
    await new Promise((resolve) => setImmediate(resolve))

    expect(told).toMatchObject({ code: 'PLIMSOLL_SESSIONS_UNAVAILABLE' })
  })

  test('an outage is an error, and never "no session"', async () => {
    sessions.isDown = true

    await expect(store.get('a')).rejects.toMatchObject({ code: 'PLIMSOLL_SESSIONS_UNAVAILABLE' })
  })

  test('a loaded session that was destroyed meanwhile is not brought back', async () => {
    await store.set('a', held({ user: 'ann' }))
    const req = request('a')
    const loaded = store.createSession(req, (await store.get('a')) as session.SessionData)
    await store.destroy('a')

    const told = await new Promise((resolve) => loaded.save(resolve))
    expect(told).toMatchObject({ code: 'PLIMSOLL_SESSION_GONE' })
    expect(await store.get('a')).toBeUndefined()
  })

  test('a new session is stored as new, and twice in a row', async () => {
    const req = request('a')
    store.generate(req)
    const first = store.set('new', req.session)
    Object.assign(req.session, { user: 'ann' })
    await Promise.all([first, store.set('new', req.session)])

    expect(sessions.calls).toEqual(['save', 'save'])
    expect(await store.get('new')).toMatchObject({ user: 'ann' })
  })

  test('an object of unknown origin is stored whatever stood there', async () => {
    await store.set('a', held({ user: 'ann' }))
    await store.set('a', held({ user: 'bob' }))

    expect(sessions.calls).toEqual(['put', 'put'])
  })

  test('a session that is stored under another id is not taken for the one that was loaded', async () => {
    await store.set('a', held({ user: 'ann' }))
    const loaded = (await store.get('a')) as session.SessionData
    await store.set('b', loaded)

    expect(sessions.calls.at(-1)).toBe('put')
  })

  test('regenerate gives a new id and destroys the old one', async () => {
    await store.set('a', held({ user: 'ann' }))
    const req = request('a')
    await store.regenerate(req)

    expect(req.sessionID).toBe('new')
    expect(await store.get('a')).toBeUndefined()
  })

  test('regenerate fails where the old id could not be destroyed, and the request keeps its session', async () => {
    const old = { user: 'ann' } as unknown as session.Session
    const req = request('a', old)
    sessions.isDown = true

    await expect(store.regenerate(req)).rejects.toMatchObject({ code: 'PLIMSOLL_SESSIONS_UNAVAILABLE' })
    expect(req.sessionID).toBe('a')
    expect(req.session).toBe(old)
  })

  test.each([
    ['no cookie at all', { user: 'ann' }],
    ['a cookie that is text', { user: 'ann', cookie: 'chocolate' }],
    ['a cookie that is a list', { user: 'ann', cookie: [1] }],
    ['a cookie whose times are no times', { user: 'ann', cookie: { originalMaxAge: 'long', maxAge: 'long' } }],
  ])('a stored session with %s can be read', async (_name, data) => {
    sessions.kept.set('a', { json: JSON.stringify(data), user: undefined, expiresAt: Date.now() + 1_000 })
    const loaded = store.createSession(request('a'), (await store.get('a')) as session.SessionData)

    expect(loaded).toMatchObject({ user: 'ann', cookie: { originalMaxAge: null, expires: null } })
  })
})
