import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SteppingClock } from '../testing-support/stepping-clock.ts'
import { type LocalNamespace, LocalTier, type LocalTimes } from './local-tier.ts'

const kibibyte = 1024

function open(options: { maxBytes?: number; clone?: boolean } = {}) {
  const clock = new SteppingClock(0)
  const tier = new LocalTier(options.maxBytes ?? 64 * kibibyte)
  return { clock, tier, local: tier.namespace<unknown>(clock, options.clone ?? false) }
}

/** Quiet for 100 ms, fresh here for 200, fresh for 300, kept for 400. */
function times(now = 0): LocalTimes {
  return {
    storedAt: now,
    loadTime: 1,
    quietUntil: now + 100,
    localUntil: now + 200,
    freshUntil: now + 300,
    expiresAt: now + 400,
  }
}

describe('a local entry', () => {
  test('is a hit until its quiet time ends, and is kept until it expires', async () => {
    const { clock, local } = open()
    local.set('a', 'value', times())
    await clock.advance(99)
    expect(await local.hit('a')).toBe('value')
    await clock.advance(1)
    expect(local.hit('a')).toBeUndefined()
    expect(local.peek('a')).toMatchObject({ value: 'value', ...times() })
    await clock.advance(299)
    expect(local.peek('a')?.value).toBe('value')
    await clock.advance(1)
    expect(local.peek('a')).toBeUndefined()
    expect(local).toMatchObject({ size: 0, bytes: 0 })
  })

  test('is a hit too where the source has none', async () => {
    const { local } = open()
    local.set('a', undefined, times())
    expect(local.hit('a')).toBeInstanceOf(Promise)
    expect(await local.hit('a')).toBeUndefined()
    expect(local.hits).toBe(2)
  })

  test('answers every hit with one promise', () => {
    const { local } = open()
    local.set('a', {}, times())
    expect(local.hit('a')).toBe(local.hit('a'))
  })

  test('that is marked is no hit, and stays as it was, until it is replaced', async () => {
    const { local } = open()
    for (const key of ['a', 'b']) local.set(key, 'value', times())
    for (let time = 0; time < 2; time++) local.mark('a')
    local.mark('never put')
    expect(local.hit('a')).toBeUndefined()
    expect(await local.hit('b')).toBe('value')
    const kept = local.peek('a')
    expect(kept).toMatchObject({ value: 'value', freshUntil: 300, expiresAt: 400 })
    expect(kept && [local.isMarked(kept), local.trusts(kept)]).toEqual([true, true])
    expect(local.marked).toBe(1)
    local.set('a', 'new', times())
    expect(await local.hit('a')).toBe('new')
  })

  test('that is marked and gone from Redis has just expired', async () => {
    const { clock, local } = open()
    local.set('a', 'value', times())
    await clock.advance(50)
    local.mark('a')
    const kept = local.peek('a')
    if (kept === undefined) throw new Error('it is kept')
    local.expire(kept)
    expect(local.peek('a')).toMatchObject({ quietUntil: 50, localUntil: 50, freshUntil: 50, expiresAt: 400 })
    expect(local.isMarked(kept)).toBe(false)
    expect(local.hit('a')).toBeUndefined()
  })

  test('is marked with all others, and what comes later is not', async () => {
    const { local } = open()
    for (const key of ['a', 'b']) local.set(key, 'old', times())
    local.markAll()
    local.set('c', 'later', times())
    for (const key of ['a', 'b', 'a']) {
      expect(local.hit(key)).toBeUndefined()
      const kept = local.peek(key)
      expect(kept && local.isMarked(kept)).toBe(true)
    }
    expect(await local.hit('c')).toBe('later')
    expect(local.marked).toBe(2)
    local.reconsider()
    expect(local.hit('c')).toBeUndefined()
    expect(local.peek('c')?.localUntil).toBe(200)
  })

  test('is replaced whole', async () => {
    const { local } = open()
    local.set('a', 'old', times())
    void local.hit('a')
    local.set('a', 'new', times())
    expect(await local.hit('a')).toBe('new')
    expect(local.size).toBe(1)
  })

  test('is frozen all the way down', async () => {
    const { local } = open()
    local.set('a', { list: [{ n: 1 }] }, times())
    const value = (await local.hit('a')) as { list: { n: number }[] }
    expect(() => value.list.push({ n: 2 })).toThrow(TypeError)
    expect(() => Object.assign(value.list[0] ?? {}, { n: 2 })).toThrow(TypeError)
  })

  test.each([
    ['a date', { at: new Date(5) }, (value: { at: Date }) => value.at.setTime(9)],
    ['a map', { at: new Map([['k', 1]]) }, (value: { at: Map<string, number> }) => value.at.clear()],
    ['bytes', { at: new Uint8Array([1]) }, (value: { at: Uint8Array }) => value.at.fill(7)],
  ])('that holds %s is cloned for each hit, from a clone', async (_, value, change) => {
    const { local } = open()
    const original = structuredClone(value)
    local.set('a', value, times())
    change(value as never)
    const first = await local.hit('a')
    expect(first).toEqual(original)
    change(first as never)
    expect(await local.hit('a')).toEqual(original)
  })

  test('is cloned for each hit and left unfrozen where the option says so', async () => {
    const { local } = open({ clone: true })
    const value = { n: 1 }
    local.set('a', value, times())
    value.n = 2
    const hit = (await local.hit('a')) as { n: number }
    hit.n = 3
    expect(await local.hit('a')).toEqual({ n: 1 })
  })

  test('that can be neither frozen nor cloned is refused', () => {
    const { local } = open()
    expect(() => local.set('a', { at: new Date(), call: () => {} }, times())).toThrow(/could not be cloned/)
    expect(local).toMatchObject({ size: 0, bytes: 0 })
  })
})

describe('distrust', () => {
  test('leaves of every entry a stale reserve only', async () => {
    const { tier, local } = open()
    local.set('a', 'value', times())
    tier.distrust()
    expect(local.hit('a')).toBeUndefined()
    const reserve = local.peek('a')
    expect(reserve?.value).toBe('value')
    expect(reserve && local.trusts(reserve)).toBe(false)
    local.set('a', 'newer', times())
    expect(await local.hit('a')).toBe('newer')
  })

  test('of one namespace leaves the others alone', () => {
    const { clock, tier, local } = open()
    const other = tier.namespace<unknown>(clock, false)
    local.set('a', 1, times())
    other.set('a', 2, times())
    local.distrust()
    expect(local.hit('a')).toBeUndefined()
    expect(other.hit('a')).toBeDefined()
  })

  test('holds from the start for what is put in untrusted', () => {
    const { local } = open()
    local.set('a', 'value', times(), false)
    expect(local.hit('a')).toBeUndefined()
    expect(local.peek('a')?.value).toBe('value')
  })
})

describe('the bound in bytes', () => {
  type Step =
    | { readonly kind: 'set'; readonly space: number; readonly key: string; readonly bytes: number }
    | { readonly kind: 'delete' | 'hit'; readonly space: number; readonly key: string }
    | { readonly kind: 'clear' | 'advance' }
  const place = { space: fc.nat(2), key: fc.constantFrom(...Array.from({ length: 40 }, (_, index) => `key-${index}`)) }
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 12, arbitrary: fc.record({ kind: fc.constant('set' as const), ...place, bytes: fc.nat(9_000) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('delete' as const, 'hit' as const), ...place }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('clear' as const, 'advance' as const) }) },
  )

  test('is never passed, and the books are right, whatever is done', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
        const { clock, tier, local } = open({ maxBytes: 64 * kibibyte })
        const spaces: LocalNamespace<unknown>[] = [local, tier.namespace(clock, false), tier.namespace(clock, true)]
        for (const one of steps) {
          const space = 'space' in one ? spaces[one.space] : undefined
          if (one.kind === 'set') space?.set(one.key, 'x'.repeat(one.bytes / 2), times(clock.now()))
          else if (one.kind === 'delete') space?.delete(one.key)
          else if (one.kind === 'hit') {
            void space?.hit(one.key)
            space?.peek(one.key)
          } else if (one.kind === 'clear') tier.clear()
          else await clock.advance(150)
          expect(tier.bytes).toBeLessThanOrEqual(tier.maxBytes)
          expect(tier.bytes).toBe(spaces.reduce((sum, { bytes }) => sum + bytes, 0))
          expect(tier.entries).toBe(spaces.reduce((sum, { size }) => sum + size, 0))
          for (const { size, bytes } of spaces) expect(bytes > 0).toBe(size > 0)
        }
      }),
      { numRuns: 60 },
    )
  })

  test('makes the namespace that holds the most give way, its oldest first', () => {
    const { clock, tier, local: small } = open()
    const flood = tier.namespace<unknown>(clock, false)
    for (let index = 0; index < 5; index++) small.set(`small-${index}`, 'x'.repeat(500), times())
    for (let index = 0; index < 200; index++) flood.set(`flood-${index}`, 'x'.repeat(500), times())
    expect(small).toMatchObject({ size: 5, evictions: 0 })
    expect(flood.evictions).toBeGreaterThan(100)
    expect(flood.peek('flood-0')).toBeUndefined()
    expect(flood.peek('flood-199')).toBeDefined()
  })

  test('gives way by last use', () => {
    const { local } = open()
    local.set('used', 'x'.repeat(500), times())
    local.set('unused', 'x'.repeat(500), times())
    for (let index = 0; index < 300; index++) {
      void local.hit('used')
      local.set(`other-${index}`, 'x'.repeat(500), times())
    }
    expect(local.peek('used')).toBeDefined()
    expect(local.peek('unused')).toBeUndefined()
  })

  test('keeps out a value that would empty the tier, and the older one that it was to replace', () => {
    const { tier, local } = open()
    local.set('a', 'small', times())
    local.set('b', 'small', times())
    local.set('a', 'x'.repeat(5 * kibibyte), times())
    expect(local.peek('a')).toBeUndefined()
    expect(local.peek('b')).toBeDefined()
    expect(tier.bytes).toBe(local.bytes)
  })

  test('counts long keys', () => {
    const { local } = open()
    local.set('a', 1, times())
    const before = local.bytes
    local.set('b'.repeat(1_000), 1, times())
    expect(local.bytes - before).toBeGreaterThan(1_000)
  })
})
