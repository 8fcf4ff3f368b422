import fc from 'fast-check'
import { ReplyError } from 'ioredis'
import { describe, expect, test, vi } from 'vitest'
import { SteppingClock, settle } from '../testing-support/stepping-clock.ts'
import { type Claim, WriteGate } from './write-gate.ts'

const oom = () => Promise.reject(new ReplyError('OOM command not allowed'))
const misconf = () => Promise.reject(new ReplyError('MISCONF'))
const succeed = () => Promise.resolve('written')

function open() {
  const clock = new SteppingClock(0)
  const onChange = vi.fn()
  return { clock, onChange, gate: new WriteGate(clock, () => 0.5, onChange) }
}

describe('an open gate', () => {
  test('lets every write pass', async () => {
    const { gate, onChange } = open()
    expect(await gate.run('normal', succeed)).toBe('written')
    expect(gate).toMatchObject({ open: true, refusal: undefined, refused: 0, withheld: 0 })
    expect(onChange).not.toHaveBeenCalled()
  })

  test('hands on what is no refusal', async () => {
    const { gate } = open()
    await expect(gate.run('normal', () => Promise.reject(new Error('Connection is closed.')))).rejects.toThrow('closed')
    await expect(gate.run('normal', () => Promise.reject(new ReplyError('WRONGTYPE')))).rejects.toThrow('WRONGTYPE')
    expect(gate.open).toBe(true)
  })

  test('closes at the first refusal, and says why once', async () => {
    const { gate, onChange } = open()
    expect(await Promise.all([gate.run('normal', oom), gate.run('normal', oom), gate.run('normal', oom)])).toEqual([
      'refused',
      'refused',
      'refused',
    ])
    expect(gate).toMatchObject({ open: false, refusal: 'oom', refused: 3 })
    expect(onChange).toHaveBeenCalledTimes(1)
  })

  test('closes on a refusal that a script met', () => {
    const { gate, onChange } = open()
    gate.noteRefusal('readonly')
    expect(gate.refusal).toBe('readonly')
    expect(onChange).toHaveBeenCalledTimes(1)
  })
})

describe('a closed gate', () => {
  test('says whether a deletion would be refused too', async () => {
    const full = open().gate
    expect(full.refusesDeletions).toBe(false)
    await full.run('normal', oom)
    expect(full.refusesDeletions).toBe(false)
    const broken = open().gate
    await broken.run('normal', misconf)
    expect(broken.refusesDeletions).toBe(true)
  })

  async function closed() {
    const made = open()
    await made.gate.run('normal', oom)
    return made
  }

  test('withholds writes without sending them', async () => {
    const { clock, gate } = await closed()
    const write = vi.fn(succeed)
    await clock.advance(999)
    expect(await gate.run('normal', write)).toBe('withheld')
    expect(write).not.toHaveBeenCalled()
    expect(gate.withheld).toBe(1)
  })

  test('lets one canary out at a time', async () => {
    const { clock, gate } = await closed()
    await clock.advance(1_000)
    let answer = (_: string): void => {}
    const canary = gate.run(
      'normal',
      () =>
        new Promise<string>((resolve) => {
          answer = resolve
        }),
    )
    const write = vi.fn(succeed)
    expect(await gate.run('normal', write)).toBe('withheld')
    await clock.advance(10_000)
    expect(await gate.run('normal', write)).toBe('withheld')
    answer('written')
    expect(await canary).toBe('written')
    expect(write).not.toHaveBeenCalled()
  })

  test('changes its reason with what the canary meets', async () => {
    const { clock, gate, onChange } = await closed()
    await clock.advance(1_000)
    expect(await gate.run('normal', misconf)).toBe('refused')
    expect(gate.refusal).toBe('misconf')
    expect(onChange).toHaveBeenCalledTimes(2)
  })

  test('gives the place of a canary back that failed otherwise', async () => {
    const { clock, gate } = await closed()
    await clock.advance(1_000)
    await expect(gate.run('normal', () => Promise.reject(new Error('Connection is closed.')))).rejects.toThrow('closed')
    expect(gate.open).toBe(false)
    expect(await gate.run('normal', succeed)).toBe('written')
  })

  test('is not opened by results that prove no write', async () => {
    const { clock, gate } = await closed()
    await clock.advance(1_000)
    for (let index = 0; index < 50; index++) {
      expect(
        await gate.run(
          'normal',
          () => Promise.resolve('arrived'),
          (result) => result !== 'arrived',
        ),
      ).toBe('arrived')
      await clock.advance(1_000)
    }
    expect(gate.open).toBe(false)
  })

  test('takes a refusal that came while the canary was out for more than the success of the canary', async () => {
    const { clock, gate } = await closed()
    await clock.advance(1_000)
    const canary = gate.run('normal', async () => {
      gate.noteRefusal('oom')
      return 'written'
    })
    expect(await canary).toBe('written')
    await clock.advance(999)
    expect(await gate.run('normal', succeed)).toBe('withheld')
  })

  test('returns slowly: each success halves the pause', async () => {
    const { clock, gate, onChange } = await closed()
    await clock.advance(1_000)
    const pauses: number[] = []
    let last = clock.now()
    while (!gate.open) {
      if ((await gate.run('normal', succeed)) === 'withheld') await clock.advance(0.5)
      else {
        pauses.push(clock.now() - last)
        last = clock.now()
      }
    }
    expect(pauses.slice(0, 4)).toEqual([0, 500, 250, 125])
    expect(pauses).toHaveLength(10)
    expect(onChange).toHaveBeenCalledTimes(2)
    expect(gate.refusal).toBeUndefined()
  })
})

/** A Redis with room for so many writes, which frees room at a steady rate. */
class FullRedis {
  refusedAt: number[] = []
  taken = 0
  readonly #clock: SteppingClock
  readonly #perSecond: number
  readonly #largest: number
  #room = 0
  #filledAt = 0

  constructor(clock: SteppingClock, perSecond: number, largest: number) {
    this.#clock = clock
    this.#perSecond = perSecond
    this.#largest = largest
  }

  readonly write = async (): Promise<string> => {
    const now = this.#clock.now()
    this.#room = Math.min(this.#largest, this.#room + ((now - this.#filledAt) / 1_000) * this.#perSecond)
    this.#filledAt = now
    if (this.#room < 1) {
      this.refusedAt.push(now)
      throw new ReplyError('OOM command not allowed')
    }
    this.#room -= 1
    this.taken += 1
    return 'written'
  }
}

function mostInOneSecond(instants: readonly number[]): number {
  return Math.max(0, ...instants.map((from) => instants.filter((at) => at >= from && at < from + 1_000).length))
}

describe('the gate before a full Redis', () => {
  test('lets at most 2 refused writes a second through, whatever the demand and however much is freed', async () => {
    const demand = fc.array(fc.tuple(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 20 })), {
      minLength: 20,
      maxLength: 120,
    })
    await fc.assert(
      fc.asyncProperty(demand, fc.constantFrom(0, 0.5, 3, 30, 300), async (bursts, perSecond) => {
        const { clock, gate } = open()
        const redis = new FullRedis(clock, perSecond, 50)
        await gate.run('normal', redis.write)
        for (const [pause, writes] of bursts) {
          await clock.advance(pause)
          // One after the other: what is under way together when the first refusal comes cannot be called back.
          for (let index = 0; index < writes; index++) await gate.run('normal', redis.write)
        }
        expect(mostInOneSecond(redis.refusedAt)).toBeLessThanOrEqual(2)
      }),
      { numRuns: 40 },
    )
  })

  test('opens again when there is room, and a burst does not bring the refusals back', async () => {
    const { clock, gate } = open()
    const redis = new FullRedis(clock, 1_000, 1_000)
    await gate.run('normal', redis.write)
    for (let elapsed = 0; elapsed < 5_000; elapsed += 10) {
      await clock.advance(10)
      await gate.run('normal', redis.write)
    }
    expect(gate.open).toBe(true)
    await Promise.all(Array.from({ length: 200 }, () => gate.run('normal', redis.write)))
    await settle()
    expect(gate.open).toBe(true)
    expect(redis.refusedAt).toHaveLength(1)
  })

  test('uses the room that there is', async () => {
    const { clock, gate } = open()
    const redis = new FullRedis(clock, 5, 5)
    for (let elapsed = 0; elapsed < 60_000; elapsed += 20) {
      await gate.run('normal', redis.write)
      await clock.advance(20)
    }
    expect(redis.taken).toBeGreaterThan(60)
    expect(mostInOneSecond(redis.refusedAt)).toBeLessThanOrEqual(2)
  })
})

/** How many of so many writes are sent. */
async function sent(gate: WriteGate, claim: Claim, writes = 1_000): Promise<number> {
  let count = 0
  for (let index = 0; index < writes; index++) if ((await gate.run(claim, succeed)) === 'written') count += 1
  return count
}

function drawing() {
  const clock = new SteppingClock(0)
  let drawn = 0
  // Evenly over the unit interval, so that a share is met to the write.
  const random = () => (drawn++ % 1_000) / 1_000
  return { clock, gate: new WriteGate(clock, random, () => {}) }
}

describe('a gate before a Redis that gets full', () => {
  test('keeps nothing back while it conserves', async () => {
    const { gate } = drawing()
    gate.restrict('conserving')
    expect([await sent(gate, 'essential'), await sent(gate, 'normal'), await sent(gate, 'expendable')]).toEqual([
      1_000, 1_000, 1_000,
    ])
    expect(gate).toMatchObject({ open: true, wide: true, admitted: 1 })
  })

  test('sheds by priority', async () => {
    const { gate } = drawing()
    gate.restrict('shedding')
    expect([await sent(gate, 'essential'), await sent(gate, 'normal'), await sent(gate, 'expendable')]).toEqual([
      1_000, 500, 0,
    ])
    expect(gate).toMatchObject({ open: true, wide: false, admitted: 0.5 })
  })

  test('halves the share while memory grows, and adds to it while it does not', async () => {
    const { clock, gate } = drawing()
    gate.restrict('shedding')
    gate.steer(true)
    expect(gate.admitted).toBe(0.25)
    gate.steer(true)
    expect(gate.admitted).toBe(0.125)
    for (let look = 0; look < 20; look++) gate.steer(true)
    expect(await sent(gate, 'normal')).toBe(10)
    await clock.advance(4_000)
    gate.steer(false)
    expect(gate.admitted).toBeCloseTo(0.21)
    await clock.advance(60_000)
    expect(gate.admitted).toBe(1)
    expect(await sent(gate, 'expendable')).toBe(0)
  })

  test('lets the expendable ones return last', async () => {
    const { clock, gate } = drawing()
    gate.restrict('shedding')
    gate.restrict('normal')
    expect(await sent(gate, 'normal')).toBe(500)
    expect(await sent(gate, 'expendable')).toBe(0)
    await clock.advance(10_000)
    expect(await sent(gate, 'expendable')).toBe(1_000)
    expect(gate.wide).toBe(true)
  })

  test('sends nothing before a limit that kills, and no canary either', async () => {
    const { clock, gate } = drawing()
    gate.restrict('read-only')
    await clock.advance(60_000)
    expect([await sent(gate, 'essential'), await sent(gate, 'normal'), await sent(gate, 'expendable')]).toEqual([
      0, 0, 0,
    ])
    expect(gate).toMatchObject({ open: false, admitted: 0, refusesDeletions: false })
    gate.restrict('shedding')
    expect(await sent(gate, 'essential')).toBe(1_000)
    expect(await sent(gate, 'normal')).toBe(10)
  })

  test.each([
    ['that memory has just killed', true, 250],
    ['that has lost its data for another reason', false, 500],
  ])('fills a Redis slowly %s', async (_why, killed, first) => {
    const { clock, gate } = drawing()
    gate.warmUp(killed)
    expect([await sent(gate, 'essential'), await sent(gate, 'normal'), await sent(gate, 'expendable')]).toEqual([
      1_000,
      first,
      0,
    ])
    await clock.advance(15_000)
    expect([await sent(gate, 'normal'), await sent(gate, 'expendable')]).toEqual([1_000, 1_000])
  })

  test('withholds all from a namespace over its budget, and nothing from the others', async () => {
    const { gate } = drawing()
    expect(await sent(gate, 'over-budget')).toBe(0)
    expect(await sent(gate, 'normal')).toBe(1_000)
  })

  test('lets the essential ones return first after a refusal', async () => {
    const { clock, gate } = drawing()
    await gate.run('essential', oom)
    for (let elapsed = 0; elapsed < 5_000 && !gate.open; elapsed += 10) {
      await clock.advance(10)
      await gate.run('normal', succeed)
    }
    expect(await sent(gate, 'essential')).toBe(1_000)
    expect(await sent(gate, 'expendable')).toBe(0)
    expect(await sent(gate, 'normal')).toBeLessThan(400)
  })

  test('finds out by a canary what others have found', async () => {
    const { clock, gate } = drawing()
    gate.suspect('oom')
    expect(gate).toMatchObject({ refusal: 'oom', refused: 0 })
    expect(await gate.run('essential', succeed)).toBe('withheld')
    await clock.advance(1_000)
    expect(await gate.run('essential', succeed)).toBe('written')
  })
})

describe('a share that has grown to all', () => {
  test('is wide again though only essential writes were made', async () => {
    const { clock, gate } = open()
    gate.warmUp(false)
    expect(gate.wide).toBe(false)
    await clock.advance(11_000)
    await gate.run('essential', succeed)
    expect(gate.wide).toBe(true)
    gate.restrict('shedding')
    await clock.advance(60_000)
    expect(gate.wide).toBe(false)
  })

  test('is not held by a clock that was set back', async () => {
    let now = 10_000_000
    const clock = { now: () => now, setTimeout: () => undefined, clearTimeout: () => {} }
    const gate = new WriteGate(
      clock,
      () => 0.5,
      () => {},
    )
    gate.warmUp(true)
    now -= 3_600_000
    expect(gate.admitted).toBe(0.25)
    now += 20_000
    expect(gate.admitted).toBe(1)
  })
})

describe('a value that is too large for what room there is', () => {
  const run = (gate: WriteGate, write: () => Promise<string>, bytes: number) =>
    gate.run('normal', write, () => true, bytes)

  test('is refused without closing the gate to the others, and not tried again for a while', async () => {
    const { clock, gate, onChange } = open()
    expect(await run(gate, oom, 1_000_000)).toBe('refused')
    expect(gate).toMatchObject({ open: true, refused: 1, refusal: undefined })
    expect(onChange).not.toHaveBeenCalled()
    expect(await run(gate, succeed, 500_000)).toBe('withheld')
    expect(await run(gate, succeed, 400_000)).toBe('written')
    expect(await run(gate, succeed, 100)).toBe('written')
    await clock.advance(10_000)
    expect(await run(gate, succeed, 1_000_000)).toBe('written')
  })

  test('closes it where a small one is refused too', async () => {
    const { gate } = open()
    await run(gate, oom, 1_000_000)
    await run(gate, oom, 1_000)
    expect(gate.refusal).toBe('oom')
  })

  test('is no canary where a small one wants to be', async () => {
    const { clock, gate } = open()
    await gate.run('normal', oom)
    await clock.advance(1_999)
    expect(await run(gate, succeed, 1_000_000)).toBe('withheld')
    expect(await run(gate, succeed, 1_000)).toBe('written')
    expect(await run(gate, succeed, 1_000_000)).toBe('withheld')
  })

  test('is the canary where there are no small ones, so that the gate opens again', async () => {
    const { clock, gate } = open()
    await run(gate, misconf, 1_000_000)
    await clock.advance(2_000)
    expect(await run(gate, misconf, 1_000_000)).toBe('refused')
    expect(await run(gate, succeed, 1_000_000)).toBe('withheld')
    await clock.advance(2_000)
    expect(await run(gate, succeed, 1_000_000)).toBe('written')
    expect(gate.open).toBe(true)
  })

  test('closes it where Redis takes no write at all', async () => {
    const { gate } = open()
    await run(gate, misconf, 1_000_000)
    expect(gate.refusal).toBe('misconf')
  })
})
