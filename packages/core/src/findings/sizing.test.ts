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

  test('never lowers a maxmemory that the container holds, whatever is used now', () => {
    const evidence = (declaredLimit: number | undefined) =>
      exampleEvidence({
        declaredLimit,
        pod: undefined,
        vitals: { memory: { max: 600 * MiB, used: 5 * MiB, rss: 8 * MiB, peak: 8 * MiB } },
      })
    expect(sizingFor(evidence(undefined))?.maxmemory).toBeGreaterThanOrEqual(600 * MiB)
    expect(sizingFor(evidence(1_024 * MiB))?.maxmemory).toBeGreaterThanOrEqual(600 * MiB)
    expect(sizingFor(evidence(512 * MiB))).toEqual({ limit: 512 * MiB, maxmemory: 400 * MiB })
  })

  test('counts what a Redis died with that has come back empty', () => {
    const memory = { max: 0, used: MiB, rss: 8 * MiB, peak: MiB }
    const lastState = { reason: 'OOMKilled', exitCode: 137 }
    const killed = exampleEvidence({
      declaredLimit: 64 * MiB,
      pod: { memoryLimit: 64 * MiB, cpuLimit: undefined, restarts: 7, lastState },
      vitals: { memory },
    })
    expect(sizingFor(killed)).toEqual({ limit: 256 * MiB, maxmemory: 200 * MiB })
    const died = { at: 0, cause: 'oom-kill', dataLost: true, used: 56 * MiB, rss: 60 * MiB } as const
    const seen = exampleEvidence({ declaredLimit: undefined, pod: undefined, restarts: [died], vitals: { memory } })
    expect(sizingFor(seen)).toEqual({ limit: 256 * MiB, maxmemory: 200 * MiB })
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
