import { describe, expect, test } from 'vitest'
import { FakeRedis } from '../testing-support/fake-redis.ts'
import { SteppingClock } from '../testing-support/stepping-clock.ts'
import { Generations, type GenerationsRemote } from './generations.ts'
import { type GenerationsMessage, parseMessage } from './messages.ts'
import { PendingInvalidations } from './pending-invalidations.ts'

const redisKey = 'shop:{item}:g'
const life = 60_000

/** Stamps as they stand in an entry: behind its header. */
function inEntry(stamps: Buffer | undefined): [bytes: Buffer, stampsAt: number] {
  return [Buffer.concat([Buffer.of(0), stamps ?? Buffer.alloc(0)]), stamps === undefined ? 0 : 1]
}

function believed(generations: Generations, stamps: Buffer | undefined): boolean {
  return generations.believes(...inEntry(stamps))
}

/** A Redis, and processes that hear of it when `hear` says so. */
function open() {
  const clock = new SteppingClock(0)
  const published: GenerationsMessage[] = []
  const redis = new FakeRedis(clock, (_, text) => {
    const message = parseMessage(text)
    if (message?.kind === 'generations') published.push(message)
  })
  const trouble = { takesNoWrites: false, asked: 0, answers: Promise.resolve() }
  const write = async <T>(command: () => T): Promise<T> => {
    if (trouble.takesNoWrites) throw new Error('READONLY')
    return command()
  }
  const commands = {
    budget: () => undefined,
    readGenerations: async (...args: [string, string, string, string]) => {
      trouble.asked += 1
      const answer = redis.readGenerations(...args)
      await trouble.answers
      return answer
    },
    countGenerations: (...args: [string, string, string, string, number[]]) =>
      write(() => redis.countGenerations(...args)),
    replaceGenerations: (...args: [string, string, string, string]) => write(() => redis.replaceGenerations(...args)),
  } as unknown as GenerationsRemote['commands']

  function process(sender: string) {
    const state = { channel: 'connected' as GenerationsRemote['channel'], changes: [] as boolean[], heard: 0 }
    const pending: PendingInvalidations = new PendingInvalidations(clock, () => generations.replay())
    const remote: GenerationsRemote = {
      commands,
      pending,
      clock,
      sender,
      channelName: 'channel',
      get channel() {
        return state.channel
      },
    }
    const generations = new Generations('item', redisKey, remote, { longestLife: life, checkEvery: 1_000 }, (isAll) =>
      state.changes.push(isAll),
    )
    const hear = () => {
      for (; state.heard < published.length; state.heard++)
        generations.onMessage(published[state.heard] as GenerationsMessage)
    }
    const stamps = (...slots: number[]) => generations.stampsOf({ mark: generations.mark, slots })
    return { generations, pending, state, hear, stamps }
  }
  return { clock, redis, trouble, process }
}

describe('generations', () => {
  test('are believed while nothing changes, and asked for once', async () => {
    const { trouble, process } = open()
    const { generations, stamps } = process('A')
    expect(believed(generations, Buffer.alloc(13))).toBe(false)
    expect(await Promise.all([generations.ready(), generations.ready()])).toEqual([true, true])
    expect(generations.ready()).toBe(true)
    expect(trouble.asked).toBe(1)
    expect(generations.standingOf(...inEntry(stamps(1, 2)))).toMatchObject({ slots: [1, 2] })
    expect(generations.standingOf(...inEntry(stamps()))).toMatchObject({ slots: [] })
  })

  test('of a tag drop what has the tag, here at once and elsewhere with the message', async () => {
    const { process } = open()
    const [here, there] = [process('A'), process('B')]
    await Promise.all([here.generations.ready(), there.generations.ready()])
    const [tagged, other] = [here.stamps(1, 2), here.stamps(3)]
    await here.generations.invalidate([2])
    expect(believed(here.generations, tagged)).toBe(false)
    expect(believed(here.generations, other)).toBe(true)
    expect(believed(there.generations, tagged)).toBe(true)
    there.hear()
    expect(believed(there.generations, tagged)).toBe(false)
    expect(believed(there.generations, other)).toBe(true)
    expect(believed(there.generations, here.stamps(1, 2))).toBe(true)
    expect(there.state.changes).toEqual([false])
  })

  test('of the namespace drop everything', async () => {
    const { process } = open()
    const [here, there] = [process('A'), process('B')]
    await Promise.all([here.generations.ready(), there.generations.ready()])
    const before = [here.stamps(1), here.stamps()]
    await here.generations.clear()
    there.hear()
    for (const { generations } of [here, there]) {
      expect(await generations.ready()).toBe(true)
      for (const stamps of before) expect(believed(generations, stamps)).toBe(false)
    }
    expect(believed(there.generations, here.stamps(1))).toBe(true)
  })

  test('that changed while a value was loaded keep it from being stored or kept', async () => {
    const { process } = open()
    const { generations } = process('A')
    await generations.ready()
    const [tagged, other] = [
      { mark: generations.mark, slots: [1] },
      { mark: generations.mark, slots: [2] },
    ]
    await generations.invalidate([1])
    expect(generations.stands(tagged)).toBe(false)
    expect(generations.stampsOf(tagged)).toBeUndefined()
    expect(generations.stands(other)).toBe(true)
    expect(generations.stampsOf(other)).toBeDefined()
  })

  test.each(['invalidate', 'clear'] as const)(
    'that Redis was not told of (%s) are not believed until it is',
    async (how) => {
      const { clock, trouble, process } = open()
      const { generations, pending, stamps } = process('A')
      await generations.ready()
      const before = stamps(1)
      trouble.takesNoWrites = true
      await (how === 'clear' ? generations.clear() : generations.invalidate([1]))
      expect(pending.size).toBe(1)
      expect(believed(generations, before)).toBe(false)
      expect(stamps(1)).toBeUndefined()
      await clock.advance(2_000)
      expect(believed(generations, before)).toBe(false)
      trouble.takesNoWrites = false
      await clock.advance(6_000)
      expect(pending.size).toBe(0)
      expect(await generations.ready()).toBe(true)
      expect(believed(generations, before)).toBe(false)
      expect(stamps(1)).toBeDefined()
    },
  )

  test('that are gone from Redis come back as others', async () => {
    const { redis, process } = open()
    const here = process('A')
    await here.generations.ready()
    const before = here.stamps(1)
    redis.evict(redisKey)
    const late = process('B')
    await late.generations.ready()
    expect(believed(late.generations, before)).toBe(false)
    here.hear()
    expect(await here.generations.ready()).toBe(true)
    expect(believed(here.generations, before)).toBe(false)
    expect(believed(late.generations, here.stamps(1))).toBe(true)
  })

  test('are asked for again when a message may have been missed, and at each read while the channel is lost', async () => {
    const { trouble, process } = open()
    const [deaf, other] = [process('A'), process('B')]
    await Promise.all([deaf.generations.ready(), other.generations.ready()])
    const before = deaf.stamps(1)
    await other.generations.invalidate([1])
    deaf.generations.onDoubt()
    expect(believed(deaf.generations, before)).toBe(false)
    expect(await deaf.generations.ready()).toBe(true)
    expect(believed(deaf.generations, before)).toBe(false)
    expect(deaf.state.changes).toEqual([false])

    // As the link tells of it: a channel is never lost without a doubt.
    deaf.state.channel = 'lost'
    deaf.generations.onDoubt()
    const asked = trouble.asked
    await deaf.generations.ready()
    await deaf.generations.ready()
    expect(trouble.asked).toBe(asked + 2)
  })

  test('that cannot be asked for while the channel is lost are not believed as they were', async () => {
    const { trouble, process } = open()
    const [deaf, other] = [process('A'), process('B')]
    deaf.state.channel = 'lost'
    await Promise.all([deaf.generations.ready(), other.generations.ready()])
    const before = deaf.stamps(1)
    await other.generations.invalidate([1])
    trouble.answers = Promise.reject(new Error('no reply'))
    expect(await deaf.generations.ready()).toBe(false)
    expect(believed(deaf.generations, before)).toBe(false)
    trouble.answers = Promise.resolve()
    expect(await deaf.generations.ready()).toBe(true)
    expect(believed(deaf.generations, before)).toBe(false)
    expect(believed(deaf.generations, deaf.stamps(1))).toBe(true)
  })

  test('are asked for again where more is told while the first answer is under way than is kept', async () => {
    const { trouble, process } = open()
    const { generations } = process('A')
    let answer = () => {}
    trouble.answers = new Promise((resolve) => {
      answer = resolve
    })
    const first = generations.ready()
    const message = { kind: 'generations', sender: 'B', namespace: 'item', identity: 'another', counts: [] } as const
    for (let told = 0; told <= 1_000; told++) generations.onMessage(message)
    answer()
    expect(await first).toBe(false)
    expect(await generations.ready()).toBe(true)
  })

  test('that Redis has older than they were known are given up altogether', async () => {
    const { redis, process } = open()
    const here = process('A')
    await here.generations.ready()
    const snapshot = Buffer.from(redis.get(redisKey) ?? '')
    const before = here.stamps(1)
    await here.generations.invalidate([1])
    redis.set(redisKey, snapshot)
    here.generations.onDoubt()
    await here.generations.ready()
    const late = process('B')
    await late.generations.ready()
    for (const { generations } of [here, late]) {
      await generations.ready()
      expect(believed(generations, before)).toBe(false)
    }
  })

  test('told while the first answer is under way are not lost', async () => {
    const { trouble, process } = open()
    const [first, late, later] = [process('A'), process('B'), process('C')]
    await first.generations.ready()
    const before = first.stamps(1)
    let answer = () => {}
    const hold = () => {
      trouble.answers = new Promise((resolve) => {
        answer = resolve
      })
    }
    hold()
    const ready = late.generations.ready()
    await first.generations.invalidate([1])
    late.hear()
    answer()
    expect(await ready).toBe(true)
    expect(believed(late.generations, before)).toBe(false)

    hold()
    const asking = later.generations.ready()
    await first.generations.clear()
    later.hear()
    answer()
    expect(await asking).toBe(false)
    expect(await later.generations.ready()).toBe(true)
    expect(believed(later.generations, before)).toBe(false)
  })

  test('drop what was kept in the process before they were known', async () => {
    const { process } = open()
    const [first, late] = [process('A'), process('B')]
    await first.generations.ready()
    const standing = { mark: late.generations.mark, slots: [1] }
    expect(late.generations.stands(standing)).toBe(true)
    await first.generations.clear()
    late.hear()
    expect(late.generations.stands(standing)).toBe(false)
    expect(late.state.changes).toContain(true)
  })

  test('drop what was loaded before they were known, though the first answer knows of the change already', async () => {
    const { process } = open()
    const [first, late, idle] = [process('A'), process('B'), process('C')]
    const standing = { mark: late.generations.mark, slots: [1] }
    await first.generations.invalidate([1])
    for (const { generations } of [late, idle]) await generations.ready()
    late.hear()

    expect(late.generations.stands(standing)).toBe(false)
    expect(late.state.changes).toEqual([true])
    expect(idle.state.changes).toEqual([])
  })

  test('without a channel are as old as checkEvery at most', async () => {
    const { clock, process } = open()
    const [here, other] = [process('A'), process('B')]
    here.state.channel = 'off'
    await here.generations.ready()
    await other.generations.ready()
    const before = here.stamps(1)
    await other.generations.invalidate([1])
    expect(here.generations.ready()).toBe(true)
    await clock.advance(1_000)
    expect(await here.generations.ready()).toBe(true)
    expect(believed(here.generations, before)).toBe(false)
  })
})
