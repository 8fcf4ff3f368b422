import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Sessions } from '../../packages/core/src/session/index.ts'
import { cleanup } from '../support/cleanup.ts'
import { errorOf, openSessions, untilSeen, untilTrusted } from '../support/open-sessions.ts'
import { fillTo, infoNumber, startOperated } from '../support/pressure-redis.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import { until } from '../support/until.ts'

const afterwards = cleanup()
const unavailable = (reason: string) => ({
  code: 'PLIMSOLL_SESSIONS_UNAVAILABLE',
  statusCode: 503,
  reason,
  retryAfter: expect.toSatisfy((seconds: number) => Number.isInteger(seconds) && seconds >= 1 && seconds <= 5),
})

async function openOn(options: Partial<Parameters<typeof openSessions>[1]> = {}, settings = {}) {
  const { redis, operator } = await startOperated(afterwards, settings)
  const sessions = openSessions(afterwards, {
    redis: redis.url,
    commandTimeout: '300ms',
    pressure: { interval: '1s' },
    ...options,
  })
  await untilTrusted(sessions)
  await untilSeen(sessions)
  return { redis, operator, sessions }
}

/** Waits until a look has found so many keys. */
function untilSeenWith(sessions: Sessions, keys: number): Promise<void> {
  return until(
    () => {
      const [node] = Object.values(sessions.health().targets['main']?.nodes ?? {})
      return (node?.vitals.keyspace?.[0]?.keys ?? 0) >= keys
    },
    'Redis was seen with its sessions',
    30_000,
  )
}

describe('Redis is gone', () => {
  test('nobody is told that there is no session, and all is well once it is back with its data', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sessions-'))
    afterwards(() => rm(folder, { recursive: true, force: true }))
    const { redis, sessions } = await openOn({}, { appendonly: 'yes', appendfsync: 'always', dir: folder })
    const held = await sessions.save('a', { cart: [1] }, { user: 'ada' })
    await untilSeenWith(sessions, 1)
    await redis.kill()
    expect(await errorOf(sessions.load('a'))).toMatchObject(unavailable('unreachable'))
    expect(await errorOf(sessions.load('unknown'))).toMatchObject(unavailable('unreachable'))
    expect(await errorOf(sessions.save('a', { cart: [2] }, { from: held }))).toMatchObject(unavailable('unreachable'))
    expect(await errorOf(sessions.save('b', {}))).toMatchObject(unavailable('unreachable'))
    expect(await errorOf(sessions.count())).toMatchObject(unavailable('unreachable'))
    // What has not changed needs no Redis, and a touch that it does not take costs no one their session.
    expect(await sessions.save('a', { cart: [1] }, { from: held })).toMatchObject({ data: { cart: [1] } })
    expect(await sessions.touch('a', held, 60_000)).toMatchObject({ expiresAt: held.expiresAt })
    expect(sessions.health().sessions).toMatchObject({ trusted: false, reason: 'unreachable' })
    await redis.start()
    await until(async () => (await sessions.load('a').catch(() => undefined)) !== undefined, 'the session is back')
    // It kept everything, so what it does not have there is not.
    await until(
      async () =>
        await sessions
          .load('unknown')
          .then(() => true)
          .catch(() => false),
      'an unknown session is told from a lost one',
    )
    await untilTrusted(sessions)
  })

  test('comes back empty: unknown sessions are not taken for none until the grace is over', async () => {
    const { redis, sessions } = await openOn({ lossGrace: '4s' })
    await sessions.save('a', { cart: [1] }, { user: 'ada' })
    await redis.kill()
    await redis.start()
    await until(() => sessions.health().redis.status === 'ready', 'it is connected again', 20_000)
    // The first visitor, before anybody has looked.
    const seen = new Set<unknown>()
    await until(
      async () => {
        try {
          await sessions.load('a')
          return true
        } catch (error) {
          seen.add((error as { reason: string }).reason)
          expect(error).toMatchObject({ code: 'PLIMSOLL_SESSIONS_UNAVAILABLE' })
          // Who logs in anew is served as always.
          if (seen.has('loss') && !seen.has('kept')) {
            const id = `new-${seen.size}`
            await sessions.save(id, { fresh: 1 }, { user: 'ada' })
            expect(await sessions.load(id)).toMatchObject({ data: { fresh: 1 } })
            seen.add('kept')
            expect(sessions.health().sessions).toMatchObject({ trusted: false, reason: 'loss' })
          }
          return false
        }
      },
      'the grace is over',
      20_000,
    )
    expect(seen.has('loss')).toBe(true)
    expect(sessions.statistics().sessions.losses).toBeGreaterThan(0)
    await untilTrusted(sessions)
  })

  test('comes back empty under a request: what it saves then is told as lost, and not as ended by its user', async () => {
    const { redis, sessions } = await openOn({ lossGrace: '30s' })
    const [saved, regenerated] = await Promise.all(
      ['a', 'b'].map((id) => sessions.save(id, { cart: [1] }, { user: 'ada' })),
    )
    await redis.kill()
    await redis.start()
    await until(() => sessions.health().redis.status === 'ready', 'it is connected again', 20_000)
    const lost = { code: 'PLIMSOLL_SESSIONS_UNAVAILABLE', reason: 'loss' }
    expect(await errorOf(sessions.save('a', { cart: [1, 2] }, { from: saved }))).toMatchObject(lost)
    expect(await errorOf(sessions.regenerate('b', 'c', { cart: [1] }, { from: regenerated }))).toMatchObject(lost)
  })

  test('is flushed: the same', async () => {
    const { operator, sessions } = await openOn({ lossGrace: '4s' })
    for (let index = 0; index < 20; index++) await sessions.save(`s-${index}`, {})
    await untilSeenWith(sessions, 20)
    await operator.flushall()
    await until(() => sessions.health().sessions.reason === 'loss', 'the loss is noticed', 20_000)
    expect(await errorOf(sessions.load('s-1'))).toMatchObject(unavailable('loss'))
    await until(() => sessions.health().sessions.trusted, 'the grace is over', 20_000)
    expect(await sessions.load('s-1')).toBeUndefined()
  })

  test('a logout that it did not acknowledge counts here at once, and there as soon as it is back', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sessions-'))
    afterwards(() => rm(folder, { recursive: true, force: true }))
    const settings = { appendonly: 'yes', appendfsync: 'always', dir: folder }
    const { redis, sessions } = await openOn({ name: 'logouts' }, settings)
    for (const id of ['a', 'b', 'c', 'd']) await sessions.save(id, {}, { user: id === 'a' ? 'bob' : 'ada' })
    await untilSeenWith(sessions, 4)
    await redis.kill()
    expect(await errorOf(sessions.destroy('a'))).toMatchObject(unavailable('unreachable'))
    expect(await errorOf(sessions.logoutEverywhere('ada', { except: 'd' }))).toMatchObject(unavailable('unreachable'))
    expect(await sessions.load('a')).toBeUndefined()
    expect(sessions.health().sessions.pendingDestroys).toBe(2)
    await redis.start()
    const other = openSessions(afterwards, { name: 'logouts', redis: redis.url })
    await until(() => sessions.health().sessions.pendingDestroys === 0, 'both are acknowledged', 20_000)
    await untilTrusted(sessions)
    expect(await Promise.all(['a', 'b', 'c', 'd'].map((id) => other.load(id)))).toEqual([
      undefined,
      undefined,
      undefined,
      expect.objectContaining({ user: 'ada' }),
    ])
    // Until a look has found that it kept everything, an unknown session might be a lost one.
    await until(async () => (await sessions.load('b').catch(() => true)) === undefined, 'it is told here too')
  })
})

describe('one node of a cluster', () => {
  test('comes back empty: what was there is not taken for none, and the others answer as always', async () => {
    const cluster = await startRedisCluster(3)
    afterwards(() => cluster.stop())
    const sessions = openSessions(afterwards, { redis: { cluster: cluster.urls }, pressure: { interval: '1s' } })
    await untilTrusted(sessions)
    await untilSeen(sessions)
    const ids = Array.from({ length: 30 }, (_, index) => `session-${index}`)
    await Promise.all(ids.map((id) => sessions.save(id, { id })))
    const outcomes = () =>
      Promise.all(
        ids.map((id) =>
          sessions.load(id).then(
            (found) => (found === undefined ? 'none' : 'found'),
            (error: { reason: string }) => error.reason,
          ),
        ),
      )
    const [, node] = cluster.nodes
    await node?.kill()
    await node?.start()
    const seen = new Set<string>()
    await until(
      async () => {
        const now = await outcomes()
        for (const outcome of now) seen.add(outcome)
        return !now.includes('unreachable')
      },
      'the cluster is whole again',
      30_000,
    )
    const after = await outcomes()
    expect(seen.has('none')).toBe(false)
    expect(new Set(after)).toEqual(new Set(['found', 'loss']))
    expect(sessions.health().sessions).toMatchObject({ trusted: false, reason: 'loss' })
  })
})

describe('Redis is frozen', () => {
  test('each call ends within its deadline, the first ones by it and the others at once', async () => {
    const { redis, sessions } = await openOn()
    const held = await sessions.save('a', { cart: [1] }, { user: 'ada' })
    await redis.freeze()
    afterwards(() => redis.thaw())
    const took: number[] = []
    for (let call = 0; call < 8; call++) {
      const started = performance.now()
      expect(await errorOf(sessions.load('a'))).toMatchObject(unavailable('unreachable'))
      took.push(performance.now() - started)
    }
    // The breaker is open by now.
    expect(took.at(-1)).toBeLessThan(took[0] ?? 0)
    const error = await errorOf(sessions.regenerate('a', 'b', { cart: [1] }, { from: held }))
    expect(error).toMatchObject(unavailable('unreachable'))
    await redis.thaw()
    await until(async () => (await sessions.load('a').catch(() => undefined)) !== undefined, 'it is back', 20_000)
    // What was not acknowledged is not there in the end, whether Redis had heard of it or not.
    await until(async () => (await sessions.load('b').catch(() => true)) === undefined, 'no half session', 20_000)
  })

  test('a login whose reply never came leaves no session, although Redis made it when it thawed', async () => {
    const { redis, operator, sessions } = await openOn()
    await redis.freeze()
    afterwards(() => redis.thaw())
    // Sent while nothing was known of the freeze, so it waits in Redis's socket.
    const logins = ['a', 'b'].map((id) => errorOf(sessions.save(id, {})))
    for (const error of await Promise.all(logins)) expect(error).toMatchObject(unavailable('unreachable'))
    expect(sessions.health().sessions.pendingDestroys).toBe(2)
    await redis.thaw()
    await until(() => sessions.health().sessions.pendingDestroys === 0, 'both are ended', 20_000)
    expect(await operator.keys(`${sessions.name}:*:s`)).toEqual([])
  })

  test('where the service allows it, what was read moments ago is shown, and cannot be saved', async () => {
    const { redis, sessions } = await openOn({ shadow: { maxAge: '20s' } })
    await sessions.save('a', { cart: [1] }, { user: 'ada' })
    await redis.freeze()
    afterwards(() => redis.thaw())
    const shown = await sessions.load('a')
    expect(shown).toMatchObject({ data: { cart: [1] }, user: 'ada', readOnly: true })
    expect(await errorOf(sessions.load('a', { shadow: false }))).toMatchObject(unavailable('unreachable'))
    expect(await errorOf(sessions.load('never read'))).toMatchObject(unavailable('unreachable'))
    expect(await errorOf(sessions.save('a', { cart: [] }, { from: shown }))).toMatchObject(unavailable('unreachable'))
    expect(await errorOf(sessions.destroy('a'))).toMatchObject(unavailable('unreachable'))
    expect(await sessions.load('a')).toBeUndefined()
  })

  test('a shadow goes when its user logs out elsewhere', async () => {
    const { redis, sessions } = await openOn({ name: 'elsewhere', shadow: { maxAge: '1m' } })
    const other = openSessions(afterwards, { name: 'elsewhere', redis: redis.url })
    for (const id of ['a', 'b']) await sessions.save(id, {}, { user: 'ada' })
    expect(sessions.health().sessions.shadow?.entries).toBe(2)
    await other.logoutEverywhere('ada')
    await until(() => sessions.health().sessions.shadow?.entries === 0, 'both shadows are gone')
  })
})

describe('Redis is full', () => {
  test('who is in stays in, sliding and logout work, login is refused and leaves nothing', async () => {
    const { operator, sessions } = await openOn(
      { touchAfter: 0, compression: false },
      { maxmemory: '8mb', 'maxmemory-policy': 'noeviction' },
    )
    const held = await sessions.save('a', { cart: [1] }, { user: 'ada', ttl: 600_000 })
    await sessions.save('b', {}, { user: 'bob' })
    await fillTo(operator, 1.02)
    for (let round = 0; round < 3; round++) {
      const error = await errorOf(sessions.save(`new-${round}`, { text: 'x'.repeat(3_000) }, { user: 'eve' }))
      expect(error).toMatchObject(unavailable('refused'))
    }
    expect(await sessions.load('a')).toMatchObject({ data: { cart: [1] }, user: 'ada' })
    const changed = sessions.save('a', { cart: [1, 2], text: 'x'.repeat(3_000) }, { from: held })
    expect(await errorOf(changed)).toMatchObject(unavailable('refused'))
    expect(await sessions.save('a', { cart: [1] }, { from: held, ttl: 1_200_000 })).toMatchObject({
      data: { cart: [1] },
    })
    expect((await sessions.load('a'))?.expiresAt).toBeGreaterThan(held.expiresAt + 500_000)
    await sessions.destroy('b')
    expect(await sessions.load('b')).toBeUndefined()
    for (let round = 0; round < 3; round++) expect(await sessions.load(`new-${round}`)).toBeUndefined()
    expect(await operator.keys(`${sessions.name}:{user:*`)).toHaveLength(1)
    expect(sessions.health().sessions).toMatchObject({ trusted: false, reason: 'refused' })

    await operator.eval("for _, k in ipairs(redis.call('KEYS', 'filler*')) do redis.call('DEL', k) end", 0)
    expect(await infoNumber(operator, 'used_memory')).toBeLessThan(7_000_000)
    await until(
      async () =>
        (await sessions.save(`after-${performance.now()}`, {}, { user: 'eve' }).catch(() => undefined)) !== undefined,
      'login works again',
    )
    await untilTrusted(sessions)
  })
})
