import { describe, expect, test } from 'vitest'
import { SessionGoneError, SessionsUnavailableError, TooManySessionsError } from '../errors.ts'
import { Deadline } from '../redis/budget.ts'
import { SteppingClock, settle } from '../testing-support/stepping-clock.ts'
import type { IndexedSession, SessionHome } from './home.ts'
import { PendingDestroys } from './pending-destroys.ts'
import type { SessionRecord } from './record.ts'
import { createSessionCounters } from './statistics.ts'
import { UserLimit } from './user-limit.ts'

/** Index and sessions in memory; every step waits until the test lets it go, in whatever order. */
class SteppedHome {
  readonly index: string[] = []
  readonly stored = new Set<string>()
  readonly waiting: (() => void)[] = []
  enlists: SessionHome['enlists'] = 'before'

  #step<T>(act: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.waiting.push(() => {
        try {
          resolve(act())
        } catch (error) {
          reject(error)
        }
      })
    })
  }

  #list(): IndexedSession[] {
    // Where sessions are their own index, that is all there is.
    const listed = this.enlists === 'before' ? this.index : [...this.stored]
    return listed.map((handle, createdAt) => ({ handle, createdAt }))
  }

  store(handle: string): Promise<boolean> {
    return this.#step(() => this.stored.add(handle) !== undefined)
  }

  get home(): SessionHome {
    const { enlists } = this
    const home: Partial<SessionHome> = {
      enlists,
      enlist: (_user, handle) =>
        this.#step(() => {
          this.index.push(handle)
          return this.#list()
        }),
      delist: (_user, handle) => this.#step(() => this.#leave(handle)),
      ofUser: () => this.#step(() => this.#list()),
      destroy: async (handle) => {
        const wasThere = await this.#step(() => this.stored.delete(handle))
        await this.#step(() => this.#leave(handle))
        return wasThere
      },
    }
    return home as SessionHome
  }

  #leave(handle: string): void {
    const at = this.index.indexOf(handle)
    if (at >= 0) this.index.splice(at, 1)
  }
}

const record: SessionRecord = { json: '{}', user: 'ada', createdAt: 0, revision: '' }

function open(limit: number, whenTooMany: 'oldest-out' | 'refuse', enlists: SessionHome['enlists'] = 'before') {
  const stepped = new SteppedHome()
  stepped.enlists = enlists
  const pending = new PendingDestroys(new SteppingClock(), async () => {})
  const counters = createSessionCounters()
  // A pause is one more step.
  const clock = { now: () => 0, setTimeout: (run: () => void) => stepped.waiting.push(run), clearTimeout: () => {} }
  const parts = { home: stepped.home, pending, counters, clock, absoluteTimeout: 1_000 }
  const users = new UserLimit({ ...parts, limit, whenTooMany })
  const login = (handle: string) =>
    users
      .store(handle, record, () => stepped.store(handle), new Deadline(60_000))
      .then(
        (stored) => stored,
        (error: unknown) => error,
      )
  return { stepped, pending, login, users }
}

/** A small generator of chance that can be repeated. */
function chances(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

describe.each(['before', 'after'] as const)('sessions that are listed %s they are stored', (enlists) => {
  test.each(['oldest-out', 'refuse'] as const)(
    'logins at once, in any order of their steps, leave no more than allowed (%s)',
    async (whenTooMany) => {
      for (let seed = 0; seed < 150; seed++) {
        const { stepped, login } = open(2, whenTooMany, enlists)
        const chance = chances(seed)
        const handles = ['a', 'b', 'c', 'd', 'e']
        const logins = handles.map((handle) => login(handle))
        for (let rounds = 0; rounds < 1_000; rounds++) {
          await settle()
          const [step] = stepped.waiting.splice(chance(Math.max(1, stepped.waiting.length)), 1)
          if (step === undefined) break
          step()
        }
        const outcomes = await Promise.all(logins)
        const living = [...stepped.stored].sort()
        expect(living.length, `seed ${seed}`).toBeLessThanOrEqual(2)
        if (enlists === 'before') expect([...stepped.index].sort(), `seed ${seed}`).toEqual(living)
        for (const [index, handle] of handles.entries()) {
          // Who was refused is not there; who was let in may have been pushed out since.
          if (outcomes[index] !== true) expect(living, `seed ${seed}`).not.toContain(handle)
          else continue
          expect([SessionGoneError, TooManySessionsError].some((kind) => outcomes[index] instanceof kind)).toBe(true)
        }
        if (whenTooMany === 'refuse' && enlists === 'before') expect(living).toHaveLength(2)
      }
    },
    60_000,
  )
})

test('a session that was refused for want of room leaves no entry', async () => {
  const { stepped, users } = open(2, 'oldest-out')
  const refused = new SessionsUnavailableError('refused', 2)
  const stored = users.store('a', record, () => Promise.reject(refused), new Deadline(60_000)).catch((error) => error)
  for (let round = 0; round < 5; round++) {
    await settle()
    stepped.waiting.shift()?.()
  }
  expect(await stored).toBe(refused)
  expect(stepped.index).toEqual([])
})

test('one that may have been stored keeps its entry', async () => {
  const { stepped, users } = open(2, 'oldest-out')
  const lost = new SessionsUnavailableError('unreachable', 2)
  const stored = users.store('a', record, () => Promise.reject(lost), new Deadline(60_000)).catch((error) => error)
  await settle()
  stepped.waiting.shift()?.()
  expect(await stored).toBe(lost)
  expect(stepped.index).toEqual(['a'])
})

test('where it is not known how many live, the newest is ended as soon as that can be done', async () => {
  const stepped = new SteppedHome()
  const pending = new PendingDestroys(new SteppingClock(), async () => {})
  const lost = new SessionsUnavailableError('unreachable', 2)
  const home = { ...stepped.home, enlist: async () => [], ofUser: () => Promise.reject(lost) }
  const counters = createSessionCounters()
  const parts = { home, pending, counters, clock: new SteppingClock(), absoluteTimeout: 1_000 }
  const users = new UserLimit({ ...parts, limit: 1, whenTooMany: 'oldest-out' })
  await expect(users.store('a', record, async () => true, new Deadline(60_000))).rejects.toBe(lost)
  expect(pending.hasSession('a')).toBe(true)
})
