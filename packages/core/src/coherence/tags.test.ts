import { describe, expect, test } from 'vitest'
import { InvalidArgumentError, InvalidOptionsError } from '../errors.ts'
import { openLocalCache } from '../testing-support/local-cache.ts'
import { settle } from '../testing-support/stepping-clock.ts'
import { GenerationTable, slotOf, slots, stampedSlots } from './generation-table.ts'
import { slotsOf } from './tags.ts'

describe('tags', () => {
  test('spread over all slots, however much alike they are', () => {
    const seen = new Set(Array.from({ length: slots }, (_, index) => slotOf(`product:${index}`)))
    // By chance alone 1 - 1/e of them would be hit.
    expect(seen.size / slots).toBeGreaterThan(0.6)
    for (const slot of seen) expect(slot).toBeLessThan(slots)
  })

  test('find the same slot in every release', () => {
    expect([slotOf('a'), slotOf('brand:acme'), slotOf('ключ')]).toEqual([7_522, 3_370, 1_962])
  })

  test.each([
    ['no array', 'a'],
    ['too many', Array.from({ length: 33 }, String)],
    ['not strings', [1]],
    ['empty', ['']],
    ['too long', ['x'.repeat(1_025)]],
  ])('are refused where they are %s', (_, tags) => {
    expect(() => slotsOf(() => tags as string[], 'key', 'value')).toThrow(InvalidArgumentError)
  })

  test('are stamped and read back', () => {
    const table = new GenerationTable()
    table.replace('identity1234')
    table.set(slots - 1, 2 ** 32 - 1)
    const stamps = table.stampsOf([3, slots - 1])
    expect(stampedSlots(stamps, 0)).toEqual([3, slots - 1])
    expect(stampedSlots(table.stampsOf([]), 0)).toEqual([])
    expect(table.isCurrent(stamps, 0)).toBe(true)
    table.set(3, 1)
    expect(table.isCurrent(stamps, 0)).toBe(false)
    expect(table.isCurrent(table.stampsOf([]), 0)).toBe(true)
    table.replace('identity5678')
    expect(table.isCurrent(Buffer.concat([Buffer.from('before'), table.stampsOf([3])]), 6)).toBe(true)
    expect(table.isCurrent(stamps, 0)).toBe(false)
  })
})

describe('without Redis', () => {
  function open() {
    const { cache } = openLocalCache()
    let loads = 0
    const items = cache.namespace<string>({
      name: 'item',
      tags: (key) => [key.slice(0, 1)],
      load: (key) => {
        loads += 1
        return `${key} ${loads}`
      },
    })
    return { cache, items }
  }

  test('a tag drops its values and leaves the others as quick as they were', async () => {
    const { cache, items } = open()
    const all = () => Promise.all(['a1', 'a2', 'b1'].map((key) => items.get(key)))
    expect(await all()).toEqual(['a1 1', 'a2 2', 'b1 3'])
    await items.invalidateTag('a')
    expect(await all()).toEqual(['a1 4', 'a2 5', 'b1 3'])
    expect(await all()).toEqual(['a1 4', 'a2 5', 'b1 3'])
    expect(cache.statistics().namespaces['item']?.local?.invalidations['written-elsewhere']).toBe(2)
  })

  test('clear() drops all of them', async () => {
    const { cache, items } = open()
    await items.get('a1')
    await items.clear()
    expect(cache.health().local?.entries).toBe(0)
    expect(await items.get('a1')).toBe('a1 2')
  })

  test('a load that is under way when its tag is dropped is not kept', async () => {
    const { cache } = openLocalCache()
    const answers: ((value: string) => void)[] = []
    const load = () => new Promise<string>((resolve) => answers.push(resolve))
    const items = cache.namespace<string>({ name: 'item', tags: () => ['tag'], load })
    const early = items.get('a')
    await settle()
    await items.invalidateTag('tag')
    const late = items.get('a')
    await settle()
    answers[0]?.('old')
    answers[1]?.('new')
    expect(await Promise.all([early, late])).toEqual(['old', 'new'])
    expect(await items.get('a')).toBe('new')
  })

  test('a namespace says what it lacks for them', async () => {
    const { cache } = openLocalCache()
    const items = cache.namespace<string>({ name: 'item' })
    await expect(items.clear()).rejects.toBeInstanceOf(InvalidOptionsError)
    await expect(items.invalidateTag('a')).rejects.toBeInstanceOf(InvalidOptionsError)
    const tagged = cache.namespace<string>({ name: 'tagged', tags: () => [] })
    await expect(tagged.invalidateTag('')).rejects.toBeInstanceOf(InvalidArgumentError)
  })

  test('a value whose tags cannot be told is answered in production, and kept nowhere', async () => {
    const before = process.env['NODE_ENV']
    process.env['NODE_ENV'] = 'production'
    const { cache } = openLocalCache()
    let loads = 0
    const tags = () => {
      throw new Error('no brand')
    }
    const items = cache.namespace<string>({ name: 'item', tags, load: () => `load ${++loads}` })
    process.env['NODE_ENV'] = before
    expect([await items.get('a'), await items.get('a')]).toEqual(['load 1', 'load 2'])
  })
})
