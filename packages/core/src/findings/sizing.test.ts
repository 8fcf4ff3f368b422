import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { exampleEvidence } from './example-evidence.ts'
import { limitFor, maxmemoryFor, maxmemoryToGrowInto, sizingFor, usualSizeFor } from './sizing.ts'

const MiB = 1024 ** 2
const GiB = 1024 * MiB

describe('sizing', () => {
  test.each([
    [61 * MiB, 64 * MiB],
    [64 * MiB, 64 * MiB],
    [65 * MiB, 96 * MiB],
    [9 * GiB, 12 * GiB],
  ])('%d bytes fit into a usual %d', (bytes, size) => expect(usualSizeFor(bytes)).toBe(size))

  test.each([
    [256 * MiB, 200 * MiB],
    [64 * MiB, 48 * MiB],
    [1_536 * MiB, 1_216 * MiB],
  ])('a container of %d is good for a maxmemory of %d', (limit, maxmemory) =>
    expect(maxmemoryFor(limit)).toBe(maxmemory),
  )

  test('maxmemory is 65 to 80 % of every usual limit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 16 * MiB, max: 500 * GiB }), (bytes) => {
        const limit = usualSizeFor(bytes)
        expect(maxmemoryFor(limit) / limit).toBeGreaterThanOrEqual(0.65)
        expect(maxmemoryFor(limit) / limit).toBeLessThanOrEqual(0.801)
      }),
    )
  })

  test('leaves small ones room to triple, large ones half as much again', () => {
    expect(maxmemoryToGrowInto(56 * MiB)).toBe(168 * MiB)
    expect(maxmemoryToGrowInto(GiB)).toBe(2 * GiB)
    expect(maxmemoryToGrowInto(10 * GiB)).toBe(15 * GiB)
  })

  test('counts the resident peak and the copy for a fork', () => {
    expect(limitFor(200 * MiB, 0, 0)).toBe(256 * MiB)
    expect(limitFor(200 * MiB, 300 * MiB, 100 * MiB)).toBe(512 * MiB)
  })

  test('keeps a limit that will do', () => {
    const used = (bytes: number, declaredLimit: number | undefined) =>
      sizingFor(
        exampleEvidence({
          declaredLimit,
          pod: undefined,
          vitals: { memory: { used: bytes, rss: bytes, peak: bytes } },
        }),
      )
    expect(used(56 * MiB, 64 * MiB)).toEqual({ limit: 256 * MiB, maxmemory: 200 * MiB })
    expect(used(56 * MiB, undefined)).toEqual({ limit: 256 * MiB, maxmemory: 200 * MiB })
    expect(used(56 * MiB, 512 * MiB)).toEqual({ limit: 512 * MiB, maxmemory: 400 * MiB })
  })
})
