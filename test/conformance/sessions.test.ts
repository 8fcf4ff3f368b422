import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cleanup } from '../support/cleanup.ts'
import { callsOf } from '../support/open-cache.ts'
import { errorOf, openSessions, type SharedRedis, shapes, startShared, untilTrusted } from '../support/open-sessions.ts'
import { until } from '../support/until.ts'

const afterwards = cleanup()

describe.each(shapes)('sessions in Redis, %s', (shape) => {
  let shared: SharedRedis

  beforeAll(async () => {
    shared = await startShared(shape)
  })

  afterAll(() => shared.stop())

  const open = (options: Partial<Parameters<typeof openSessions>[1]> = {}) =>
    openSessions(afterwards, { redis: shared.redis, ...options })

  async function keysOf(pattern: string): Promise<string[]> {
    const found = await Promise.all(shared.operators.map((operator) => operator.keys(pattern)))
    return found.flat()
  }

  /** The operator of the node where a key is. */
  async function nodeOf(key: string) {
    for (const operator of shared.operators) {
      if ((await operator.exists(key).catch(() => 0)) === 1) return operator
    }
    throw new Error('no node has the key')
  }

  test('a session is there until it is destroyed, for every process', async () => {
    const [first, second] = [open({ name: 'same' }), open({ name: 'same' })]
    expect(await first.load('a')).toBeUndefined()
    const saved = await first.save('a', { cart: ['boots'] }, { user: 'ada' })
    expect(saved).toMatchObject({ data: { cart: ['boots'] }, user: 'ada', readOnly: false })
    const loaded = await second.load('a')
    expect(loaded).toMatchObject({ data: { cart: ['boots'] }, user: 'ada', createdAt: saved.createdAt })
    await second.destroy('a')
    expect(await first.load('a')).toBeUndefined()
    expect(await keysOf('same:*:s')).toEqual([])
  })

  test('what was answered is the callers own to change', async () => {
    const sessions = open()
    await sessions.save('a', { cart: ['boots'] })
    const loaded = await sessions.load('a')
    Object.assign(loaded?.data['cart'] ?? {}, ['hat'])
    expect((await sessions.load('a'))?.data).toEqual({ cart: ['boots'] })
  })

  test('a new session never takes the place of another', async () => {
    const sessions = open()
    await sessions.save('a', { mine: 1 })
    expect(await errorOf(sessions.save('a', { theirs: 1 }))).toMatchObject({ code: 'PLIMSOLL_SESSION_GONE' })
    expect((await sessions.load('a'))?.data).toEqual({ mine: 1 })
  })

  test('the end of its life is told and kept to the millisecond', async () => {
    const sessions = open()
    const saved = await sessions.save('a', {}, { ttl: 12_345 })
    const key = `${sessions.name}:{${sessions.handleOf('a')}}:s`
    const [left, end] = await (await nodeOf(key))
      .multi()
      .pttl(key)
      .pexpiretime(key)
      .exec()
      .then((replies) => replies ?? [])
    expect(Number(left?.[1])).toBeLessThanOrEqual(12_345)
    const loaded = await sessions.load('a')
    // Two clocks that are one here, and the way there and back.
    expect(Math.abs((loaded?.expiresAt ?? 0) - Number(end?.[1]))).toBeLessThan(1_000)
    expect(Math.abs(saved.expiresAt - Number(end?.[1]))).toBeLessThan(1_000)
  })

  test('a touch moves the end, is spared for a while, and never goes past the cap', async () => {
    const sessions = open({ idleTimeout: '1m', absoluteTimeout: '90s', touchAfter: 0 })
    const saved = await sessions.save('a', {}, { ttl: 10_000 })
    const touched = await sessions.touch('a', saved)
    expect((touched?.expiresAt ?? 0) - saved.expiresAt).toBeGreaterThan(49_000)
    const capped = await sessions.touch('a', saved, 3_600_000)
    expect((capped?.expiresAt ?? 0) - saved.createdAt).toBeLessThanOrEqual(90_001)
    expect((await sessions.load('a'))?.expiresAt).toBeLessThanOrEqual(saved.createdAt + 91_000)
    const sparing = open({ idleTimeout: '1m' })
    const fresh = await sparing.save('b', {})
    expect(await sparing.touch('b', fresh)).toMatchObject({ expiresAt: fresh.expiresAt })
    expect(sparing.statistics().sessions).toMatchObject({ touched: 0, touchesSpared: 1 })
  })

  test('a session that is gone cannot be touched', async () => {
    const sessions = open({ touchAfter: 0 })
    const saved = await sessions.save('a', {})
    await sessions.destroy('a')
    expect(await sessions.touch('a', saved)).toBeUndefined()
  })

  test('twenty page views of a logged-in user write nothing', async () => {
    const sessions = open()
    await untilTrusted(sessions)
    await sessions.save('a', { user: 'ada', cart: [1] }, { user: 'ada' })
    const writes = async () => {
      const counts = await Promise.all(
        shared.operators.map((operator) => callsOf(operator, 'set', 'pexpire', 'zadd', 'zrem', 'del')),
      )
      return counts.reduce((sum, count) => sum + count, 0)
    }
    const before = await writes()
    for (let view = 0; view < 20; view++) {
      const session = await sessions.load('a')
      if (session === undefined) throw new Error('the session is gone')
      await sessions.save('a', session.data, { from: session })
    }
    expect((await writes()) - before).toBe(0)
  })

  test('only a change of the content is written, not of the order of its keys', async () => {
    const sessions = open()
    const saved = await sessions.save('a', { a: 1, b: 2 })
    await sessions.save('a', { b: 2, a: 1 }, { from: saved })
    expect(sessions.statistics().sessions).toMatchObject({ replaced: 0, unchanged: 1 })
    await sessions.save('a', { b: 2, a: 3 }, { from: saved })
    expect(sessions.statistics().sessions).toMatchObject({ replaced: 1 })
    expect((await sessions.load('a'))?.data).toEqual({ b: 2, a: 3 })
  })

  test('put stores whatever stood there, but nothing that was destroyed a moment ago', async () => {
    const sessions = open()
    await sessions.put('a', { n: 1 }, { user: 'ada' })
    const first = await sessions.load('a')
    await sessions.put('a', { n: 2 })
    expect(await sessions.load('a')).toMatchObject({ data: { n: 2 }, user: 'ada', createdAt: first?.createdAt })
    await sessions.destroy('a')
    expect(await errorOf(sessions.put('a', { n: 3 }))).toMatchObject({ code: 'PLIMSOLL_SESSION_GONE' })
    expect(await sessions.load('a')).toBeUndefined()
  })

  test('a save of a session that was destroyed meanwhile does not bring it back', async () => {
    const [first, second] = [open({ name: 'late' }), open({ name: 'late' })]
    await first.save('a', { cart: [] }, { user: 'ada' })
    const held = await first.load('a')
    await second.destroy('a')
    const error = await errorOf(first.save('a', { cart: ['late'] }, { from: held }))
    expect(error).toMatchObject({ code: 'PLIMSOLL_SESSION_GONE', statusCode: 401 })
    expect(await first.load('a')).toBeUndefined()
    await until(async () => (await first.ofUser('ada')).length === 0, 'its entry is out of the index')
  })

  test('not even where Redis has evicted the tombstone', async () => {
    const sessions = open()
    await sessions.save('a', { cart: [] })
    const held = await sessions.load('a')
    await sessions.destroy('a')
    const tombstone = `${sessions.name}:{${sessions.handleOf('a')}}:t`
    await (await nodeOf(tombstone)).del(tombstone)
    expect(await errorOf(sessions.save('a', { cart: [1] }, { from: held }))).toMatchObject({
      code: 'PLIMSOLL_SESSION_GONE',
    })
    expect(await sessions.load('a')).toBeUndefined()
  })

  test('a new id leaves no old one, and begins its life anew', async () => {
    const sessions = open({ maxSessionsPerUser: 1, whenTooMany: 'refuse' })
    await sessions.save('old', { cart: [1] }, { user: 'ada' })
    const old = await sessions.load('old')
    const stored = await sessions.regenerate('old', 'new', { cart: [1], fresh: true }, { from: old })
    expect(stored).toMatchObject({ data: { cart: [1], fresh: true }, user: 'ada' })
    expect(await sessions.load('old')).toBeUndefined()
    expect((await sessions.load('new'))?.data).toEqual({ cart: [1], fresh: true })
    expect((await sessions.ofUser('ada')).map(({ handle }) => handle)).toEqual([sessions.handleOf('new')])
    expect(await errorOf(sessions.save('old', { late: 1 }, { from: old }))).toMatchObject({
      code: 'PLIMSOLL_SESSION_GONE',
    })
  })

  test('of two writers at once the last wins and is counted, or both are merged', async () => {
    for (const merge of [false, true]) {
      const sessions = open({ merge })
      await sessions.save('a', { cart: [], seen: 1, gone: 1 })
      const [one, two] = await Promise.all([sessions.load('a'), sessions.load('a')])
      await sessions.save('a', { cart: ['boots'], seen: 1 }, { from: one })
      await sessions.save('a', { cart: [], seen: 2, gone: 1 }, { from: two })
      const { data } = (await sessions.load('a')) ?? {}
      expect(data).toEqual(merge ? { cart: ['boots'], seen: 2 } : { cart: [], seen: 2, gone: 1 })
      const { merged, overwritten } = sessions.statistics().sessions
      expect({ merged, overwritten }).toEqual({ merged: merge ? 1 : 0, overwritten: merge ? 0 : 1 })
    }
  })

  test('thirty writers of a key each lose nothing when they are merged', async () => {
    const sessions = open({ merge: true })
    await sessions.save('a', {})
    for (let round = 0; round < 10; round++) {
      const held = await Promise.all([1, 2, 3].map(() => sessions.load('a')))
      await Promise.all(
        held.map((from, index) => sessions.save('a', { ...from?.data, [`key-${round}-${index}`]: true }, { from })),
      )
    }
    expect(Object.keys((await sessions.load('a'))?.data ?? {})).toHaveLength(30)
  })

  test('a user whose sessions are listed can end one, or all but this', async () => {
    const [first, second] = [open({ name: 'many' }), open({ name: 'many' })]
    for (const id of ['a', 'b', 'c', 'd']) await first.save(id, {}, { user: 'ada' })
    await first.save('other', {}, { user: 'bob' })
    const handles = ['a', 'b', 'c', 'd'].map((id) => first.handleOf(id))
    expect((await second.ofUser('ada')).map(({ handle }) => handle)).toEqual(handles)
    await second.destroyHandle(first.handleOf('b'))
    expect(await first.load('b')).toBeUndefined()
    expect(await second.logoutEverywhere('ada', { except: 'c' })).toBe(2)
    expect(await Promise.all(['a', 'b', 'c', 'd', 'other'].map((id) => first.load(id)))).toEqual([
      undefined,
      undefined,
      expect.objectContaining({ user: 'ada' }),
      undefined,
      expect.objectContaining({ user: 'bob' }),
    ])
    expect((await first.ofUser('ada')).map(({ handle }) => handle)).toEqual([handles[2]])
  })

  test('a logout everywhere that Redis took in part is made good for all sessions', async () => {
    const [first, second] = [open({ name: 'partly' }), open({ name: 'partly' })]
    for (const id of ['a', 'b', 'c']) await first.save(id, {}, { user: 'ada' })
    // The index can be told, the sessions cannot.
    for (const operator of shared.operators) {
      await operator.acl('SETUSER', 'default', 'resetkeys', '~partly:{user:*')
      afterwards(() => operator.acl('SETUSER', 'default', '~*'))
    }
    expect(await errorOf(first.logoutEverywhere('ada'))).toMatchObject({ code: 'PLIMSOLL_SESSIONS_UNAVAILABLE' })
    for (const operator of shared.operators) await operator.acl('SETUSER', 'default', '~*')
    await until(() => first.health().sessions.pendingDestroys === 0, 'the logout was made good')
    for (const id of ['a', 'b', 'c']) expect(await second.load(id)).toBeUndefined()
    expect(await second.ofUser('ada')).toEqual([])
  })

  test('a new id brings no session back that has ended elsewhere, unless it is a login', async () => {
    const [first, second] = [open({ name: 'elsewhere' }), open({ name: 'elsewhere' })]
    const held = await first.save('a', { cart: 1 }, { user: 'ada' })
    await second.logoutEverywhere('ada')
    expect(await errorOf(first.regenerate('a', 'b', held.data, { from: held }))).toMatchObject({
      code: 'PLIMSOLL_SESSION_GONE',
    })
    await until(async () => (await second.load('b')) === undefined, 'the new one is gone too')
    await until(async () => (await second.ofUser('ada')).length === 0, 'and out of the index')
    await first.regenerate('a', 'c', {}, { from: held, user: 'ada' })
    expect(await second.load('c')).toMatchObject({ user: 'ada' })
  })

  test('a new id for one device pushes no other out', async () => {
    const sessions = open({ maxSessionsPerUser: 2 })
    await sessions.save('phone', {}, { user: 'ada' })
    const held = await sessions.save('laptop', {}, { user: 'ada' })
    await sessions.regenerate('laptop', 'laptop-2', {}, { from: held })
    const handles = (await sessions.ofUser('ada')).map(({ handle }) => handle)
    expect(handles).toEqual([sessions.handleOf('phone'), sessions.handleOf('laptop-2')])
  })

  test('a login that meets another save counts against the limit, and leaves the index of whoever was in', async () => {
    const sessions = open({ maxSessionsPerUser: 1 })
    await sessions.save('old', {}, { user: 'ada' })
    const held = await sessions.save('a', {})
    const other = await sessions.load('a')
    await sessions.save('a', { step: 1 }, { from: other, user: 'bob' })
    await sessions.save('a', { step: 2 }, { from: held, user: 'ada' })
    expect(await sessions.load('old')).toBeUndefined()
    expect(await sessions.load('a')).toMatchObject({ user: 'ada', data: { step: 2 } })
    expect(await sessions.ofUser('ada')).toHaveLength(1)
    expect(await sessions.ofUser('bob')).toEqual([])
  })

  test('a merge keeps the user who has logged in meanwhile', async () => {
    const sessions = open({ merge: true })
    const held = await sessions.save('a', {})
    const other = await sessions.load('a')
    await sessions.save('a', { name: 'Ada' }, { from: other, user: 'ada' })
    const merged = await sessions.save('a', { cart: 1 }, { from: held })
    expect(merged).toMatchObject({ data: { name: 'Ada', cart: 1 }, user: 'ada' })
  })

  test.each(['oldest-out', 'refuse'] as const)(
    'fifty logins at once leave no more sessions than allowed (%s)',
    async (whenTooMany) => {
      const options = { name: `limit-${whenTooMany}`, maxSessionsPerUser: 3, whenTooMany }
      const processes = [open(options), open(options), open(options)]
      await Promise.all(processes.map((one) => untilTrusted(one)))
      const ids = Array.from({ length: 50 }, (_, index) => `login-${index}`)
      const outcomes = await Promise.allSettled(
        ids.map((id, index) => processes[index % 3]?.save(id, { id }, { user: 'ada' })),
      )
      const [sessions] = processes
      if (sessions === undefined) throw new Error('there are three')
      const living = await Promise.all(ids.map(async (id) => ((await sessions.load(id)) === undefined ? [] : [id])))
      expect(living.flat().length).toBeLessThanOrEqual(3)
      expect(living.flat().length).toBeGreaterThan(0)
      const listed = await sessions.ofUser('ada')
      expect(listed.map(({ handle }) => handle).sort()).toEqual(
        living
          .flat()
          .map((id) => sessions.handleOf(id))
          .sort(),
      )
      // Whoever was told that it was stored may have been pushed out since; nobody who lives was told otherwise.
      for (const id of living.flat()) expect(outcomes[ids.indexOf(id)]?.status).toBe('fulfilled')
      expect(await keysOf(`${sessions.name}:*:s`)).toHaveLength(living.flat().length)
    },
  )

  test('a login too many is refused without a trace', async () => {
    const sessions = open({ maxSessionsPerUser: 1, whenTooMany: 'refuse' })
    await sessions.save('a', {}, { user: 'ada' })
    expect(await errorOf(sessions.save('b', {}, { user: 'ada' }))).toMatchObject({
      code: 'PLIMSOLL_TOO_MANY_SESSIONS',
      statusCode: 409,
    })
    expect(await sessions.load('b')).toBeUndefined()
    expect(await sessions.ofUser('ada')).toHaveLength(1)
    await sessions.destroy('a')
    await until(async () => (await sessions.ofUser('ada')).length === 0, 'the first is out of the index')
    await sessions.save('c', {}, { user: 'ada' })
  })

  test('an index entry that Redis has lost is put back when its session is touched', async () => {
    const sessions = open({ touchAfter: 0 })
    await sessions.save('a', {}, { user: 'ada' })
    const [index] = await keysOf(`${sessions.name}:{user:*`)
    if (index === undefined) throw new Error('there is no index')
    await (await nodeOf(index)).del(index)
    expect(await sessions.ofUser('ada')).toEqual([])
    const from = await sessions.load('a')
    if (from === undefined) throw new Error('the session is gone')
    await sessions.touch('a', from)
    await until(async () => (await sessions.ofUser('ada')).length === 1, 'the entry is back')
  })

  test('an index entry that is past its cap leaves when another session of its user is touched', async () => {
    const sessions = open({ touchAfter: 0, absoluteTimeout: '5m' })
    const from = await sessions.save('a', {}, { user: 'ada' })
    const [index] = await keysOf(`${sessions.name}:{user:*`)
    if (index === undefined) throw new Error('there is no index')
    const node = await nodeOf(index)
    await node.zadd(index, Date.now() - 301_000, 'past-its-cap')
    await sessions.touch('a', from)
    await until(async () => (await node.zscore(index, 'past-its-cap')) === null, 'the entry has left')
    expect(await node.zcard(index)).toBe(1)
  })

  test('the index ends with the cap of the sessions in it', async () => {
    const sessions = open({ absoluteTimeout: '5m' })
    await sessions.save('a', {}, { user: 'ada' })
    const [index] = await keysOf(`${sessions.name}:{user:*`)
    const left = await (await nodeOf(index ?? '')).pttl(index ?? '')
    expect(left).toBeGreaterThan(200_000)
    expect(left).toBeLessThanOrEqual(300_000)
  })

  test('all, count and clear see every living session and nothing else', async () => {
    const sessions = open()
    const ids = Array.from({ length: 300 }, (_, index) => `session-${index}`)
    await Promise.all(ids.map((id) => sessions.save(id, { id }, { user: `user-${id.length}` })))
    await sessions.save('short', {}, { ttl: 1 })
    await sessions.destroy('session-7')
    await until(async () => (await sessions.load('short')) === undefined, 'the short one has ended')
    expect(await sessions.count()).toBe(299)
    const seen: unknown[] = []
    for await (const { data } of sessions.all()) seen.push(data['id'])
    expect(seen.sort()).toEqual(ids.filter((id) => id !== 'session-7').sort())
    expect(await sessions.clear()).toBe(299)
    expect(await sessions.count()).toBe(0)
    expect(await keysOf(`${sessions.name}:{*}:s`)).toEqual([])
    expect(await keysOf(`${sessions.name}:{*}:u`)).toEqual([])
  })

  test('what a service keeps in a session comes back as it was, deflated or not', async () => {
    const sessions = open()
    const samples = [
      {},
      { text: 'x'.repeat(50_000) },
      { 'ключ 👩‍👩‍👧': [null, 1.5, { deep: true }] },
      { text: '\u0000\ud800' },
    ]
    for (const [index, data] of samples.entries()) {
      await sessions.save(`sample-${index}`, data)
      expect((await sessions.load(`sample-${index}`))?.data).toEqual(JSON.parse(JSON.stringify(data)))
    }
  })

  test('a session that is too large is refused, and what was there stays', async () => {
    const sessions = open({ maxBytes: 1_000 })
    const saved = await sessions.save('a', { small: 1 })
    const error = await errorOf(sessions.save('a', { large: 'x'.repeat(2_000) }, { from: saved }))
    expect(error).toMatchObject({ code: 'PLIMSOLL_SESSION_TOO_LARGE' })
    expect((await sessions.load('a'))?.data).toEqual({ small: 1 })
  })

  test('what is no session of ours under its key is a miss, and counted', async () => {
    const sessions = open()
    const key = (id: string) => `${sessions.name}:{${sessions.handleOf(id)}}:s`
    const plant = async (id: string, command: 'set' | 'rpush', value: string | Buffer, ttl: number) => {
      for (const operator of shared.operators) {
        try {
          await operator.call(command, key(id), value)
          if (ttl > 0) await operator.pexpire(key(id), ttl)
        } catch {
          // Another node's.
        }
      }
    }
    await plant('text', 'set', 'hello', 60_000)
    await plant('list', 'rpush', 'hello', 60_000)
    await plant('array', 'set', '[1]', 60_000)
    await sessions.save('forever', { a: 1 })
    await (await nodeOf(key('forever'))).persist(key('forever'))
    for (const id of ['text', 'list', 'array', 'forever']) expect(await sessions.load(id)).toBeUndefined()
    expect(sessions.statistics().sessions.unreadable).toBe(4)
    await sessions.destroy('text')
    await sessions.destroy('list')
  })

  test('whatever an id may be, it is a miss or refused, and never reaches Redis as it is', async () => {
    const sessions = open()
    const wrong = ['', 'x'.repeat(257), '\ud800', 5, null, undefined, {}, ['a'], Symbol('a')]
    for (const id of wrong) {
      expect(await sessions.load(id as string)).toBeUndefined()
      expect(await errorOf(sessions.save(id as string, {}))).toMatchObject({ code: 'PLIMSOLL_INVALID_ARGUMENT' })
      expect(await errorOf(sessions.destroy(id as string))).toMatchObject({ code: 'PLIMSOLL_INVALID_ARGUMENT' })
    }
    for (const id of ['{a}', '}:s', 'line\r\nbreak', '\u0000', '*', '__proto__', '👩‍👩‍👧', '\ufffd', 'x'.repeat(256)]) {
      expect(await sessions.load(id)).toBeUndefined()
      await sessions.save(id, { id: 'kept' })
      expect((await sessions.load(id))?.data).toEqual({ id: 'kept' })
    }
    expect(await sessions.count()).toBe(9)
    expect((await keysOf(`${sessions.name}:*`)).every((key) => /:\{[\w-]{24}\}:s$/.test(key))).toBe(true)
  })

  test('close leaves nothing to be asked', async () => {
    const sessions = open()
    await sessions.close()
    expect(await errorOf(sessions.load('a'))).toMatchObject({ code: 'PLIMSOLL_CACHE_CLOSED' })
    expect(await errorOf(sessions.save('a', {}))).toMatchObject({ code: 'PLIMSOLL_CACHE_CLOSED' })
  })

  test('sessions that connect-redis left are read, lived on and taken over', async () => {
    const sessions = open({ connectRedisPrefix: 'sess:', touchAfter: 0 })
    const left = { cookie: { originalMaxAge: 60_000, httpOnly: true, path: '/' }, cart: ['boots'] }
    const plant = async (id: string) => {
      for (const operator of shared.operators) {
        await operator.set(`sess:${id}`, JSON.stringify(left), 'PX', 60_000).catch(() => {})
      }
    }
    await plant('a')
    await plant('b')
    const loaded = await sessions.load('a')
    expect(loaded).toMatchObject({ data: left, user: undefined })
    if (loaded === undefined) throw new Error('it is there')
    expect(Math.abs(loaded.expiresAt - Date.now() - 60_000)).toBeLessThan(5_000)
    expect((await sessions.touch('a', loaded, 120_000))?.expiresAt).toBeGreaterThan(loaded.expiresAt)
    await sessions.save('a', { ...left, cart: ['hat'] }, { from: loaded, user: 'ada' })
    expect(await keysOf('sess:a')).toEqual([])
    expect(await sessions.load('a')).toMatchObject({ data: { ...left, cart: ['hat'] }, user: 'ada' })
    const held = await sessions.load('b')
    await sessions.destroy('b')
    expect(await sessions.load('b')).toBeUndefined()
    expect(await keysOf('sess:b')).toEqual([])
    expect(await errorOf(sessions.save('b', { late: 1 }, { from: held }))).toMatchObject({
      code: 'PLIMSOLL_SESSION_GONE',
    })
    expect(sessions.statistics().sessions.takenOver).toBe(1)
  })

  test('of what connect-redis left nothing is taken over that has ended, and nothing is lost between two', async () => {
    const sessions = open({ connectRedisPrefix: 'sess:', touchAfter: 0, merge: true })
    const left = { cookie: { path: '/' } }
    async function plant(id: string) {
      for (const operator of shared.operators) {
        await operator.set(`sess:${id}`, JSON.stringify(left), 'PX', 60_000).catch(() => {})
      }
      return [await sessions.load(id), await sessions.load(id)] as const
    }
    const [held] = await plant('c')
    // An old process logs its user out, and leaves no tombstone.
    await (await nodeOf('sess:c')).del('sess:c')
    expect(await errorOf(sessions.save('c', { ...left, late: 1 }, { from: held }))).toMatchObject({
      code: 'PLIMSOLL_SESSION_GONE',
    })
    const [one, two] = await plant('d')
    await sessions.save('d', { ...left, one: 1 }, { from: one })
    await sessions.save('d', left, { from: two })
    await sessions.save('d', { ...left, two: 2 }, { from: two })
    expect(await sessions.load('d')).toMatchObject({ data: { ...left, one: 1, two: 2 } })
    // Could it not be removed, it would be a session again as soon as ours is ended.
    const [last] = await plant('e')
    for (const operator of shared.operators) await operator.acl('SETUSER', 'default', '-unlink')
    await sessions.save('e', { ...left, one: 1 }, { from: last, user: 'ada' })
    for (const operator of shared.operators) await operator.acl('SETUSER', 'default', '+unlink')
    await until(async () => (await keysOf('sess:e')).length === 0, 'what connect-redis left is removed')
    await sessions.logoutEverywhere('ada')
    expect(await sessions.load('e')).toBeUndefined()
  })
})
