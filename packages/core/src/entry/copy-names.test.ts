import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CopyNames } from './copy-names.ts'
import { createKeySpace } from './key.ts'

describe('the names of copies', () => {
  test('are those that other releases know: they are part of the keys', () => {
    expect(new CopyNames('shop', 'product@7', 2).of('prod-101')).toEqual([
      { value: 'shop:{product@7:prod-101:BDML}:cv', lease: 'shop:{product@7:prod-101:BDML}:cl' },
      { value: 'shop:{product@7:prod-101:AHMG}:cv', lease: 'shop:{product@7:prod-101:AHMG}:cl' },
    ])
  })

  test('are as many as asked for, each a different one', () => {
    for (const count of [1, 2, 31]) {
      const names = new CopyNames('shop', 'product', count)
      const all = names.of('key')
      expect(new Set(all.flatMap(({ value, lease }) => [value, lease])).size).toBe(2 * count)
      expect(all).toEqual(Array.from({ length: count }, (_, index) => names.one('key', index)))
    }
  })

  test('never meet a name of another key, whatever the keys hold', () => {
    const names = new CopyNames('shop', 'product', 3)
    const keys = createKeySpace('shop', 'product', 0)
    const key = fc.string({
      minLength: 1,
      maxLength: 8,
      unit: fc.constantFrom('@', 'A', 'B', ':', '{', '}', '%', 'cv', 'v'),
    })
    fc.assert(
      fc.property(key, key, (one, other) => {
        const all = (of: string) => {
          const update = keys.update(of)
          const originals = [keys.value(of), keys.lease(of), update.value, update.lease]
          return [...originals, ...names.of(of).flatMap(({ value, lease }) => [value, lease])]
        }
        const mine = all(one)
        expect(new Set(mine).size).toBe(mine.length)
        if (one !== other) expect(all(other).filter((name) => mine.includes(name))).toEqual([])
      }),
      { numRuns: 1_000 },
    )
  })
})
