import { describe, expect, test } from 'vitest'
import type { Priority } from '../options/policy.ts'
import { economise, economyOf } from './economy.ts'
import { type MemoryMode, modes } from './mode.ts'

const times = { storedAt: 1_000, freshUntil: 11_000, expiresAt: 31_000, loadTime: 5 }
const memoryModes = modes.filter((mode): mode is MemoryMode => mode !== 'local-only')
const priorities: readonly Priority[] = ['essential', 'normal', 'expendable']

describe('what an entry may cost Redis', () => {
  test('is not limited while all is well', () => {
    for (const priority of priorities) {
      const economy = economyOf('normal', priority)
      expect(economise(times, economy)).toBe(times)
      expect(economy.largest).toBe(Number.POSITIVE_INFINITY)
    }
  })

  test.each<[MemoryMode, Priority, number, number]>([
    ['conserving', 'essential', 11_000, 31_000],
    ['conserving', 'normal', 11_000, 21_000],
    ['conserving', 'expendable', 6_000, 6_000],
    ['shedding', 'essential', 11_000, 31_000],
    ['shedding', 'normal', 6_000, 6_000],
    ['shedding', 'expendable', 3_500, 3_500],
  ])('%s, %s: fresh until %d, kept until %d', (mode, priority, freshUntil, expiresAt) => {
    expect(economise(times, economyOf(mode, priority))).toEqual({ ...times, freshUntil, expiresAt })
  })

  test('never grows with the trouble, nor with less priority', () => {
    const cost = (mode: MemoryMode, priority: Priority) => {
      const { life, reserve, largest } = economyOf(mode, priority)
      return [life, reserve, largest]
    }
    const assertLess = (less: number[], more: number[]) => {
      for (const [index, value] of less.entries()) expect(value).toBeLessThanOrEqual(more[index] ?? 0)
    }
    for (const priority of priorities) {
      for (const [index, mode] of memoryModes.slice(1).entries())
        assertLess(cost(mode, priority), cost(memoryModes[index] ?? 'normal', priority))
    }
    for (const mode of memoryModes) {
      assertLess(cost(mode, 'expendable'), cost(mode, 'normal'))
      assertLess(cost(mode, 'normal'), cost(mode, 'essential'))
    }
  })
})
