import { expect, test } from 'vitest'
import { worstOf } from './health.ts'

test('a cache without Redis is well', () => {
  expect(worstOf([])).toEqual({ mode: 'normal', reasons: [] })
})

test('of several Redis the one that fares worst decides, and its reasons are given', () => {
  const full = { mode: 'read-only', reasons: ['full'] } as const
  const gone = { mode: 'local-only', reasons: ['gone'] } as const
  const well = { mode: 'normal', reasons: [] } as const
  expect(worstOf([well, full, well])).toBe(full)
  expect(worstOf([full, gone])).toBe(gone)
  expect(worstOf([gone, full])).toBe(gone)
  expect(worstOf([full, { mode: 'read-only', reasons: ['another'] }])).toBe(full)
  for (const [milder, worse] of [
    ['normal', 'conserving'],
    ['conserving', 'shedding'],
    ['shedding', 'read-only'],
  ] as const) {
    expect(
      worstOf([
        { mode: milder, reasons: [] },
        { mode: worse, reasons: [] },
      ]).mode,
    ).toBe(worse)
  }
})
