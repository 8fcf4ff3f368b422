import { describe, expect, test } from 'vitest'
import { exampleEvidence, healthyEvidence } from '../findings/example-evidence.ts'
import { worstOf } from '../health.ts'
import { verdictOf } from './verdict.ts'

describe('the mode that a cache would be in', () => {
  test('is normal before a Redis that is well', () => {
    expect(verdictOf(healthyEvidence)).toEqual({ mode: 'normal', reasons: [] })
  })

  test('is read-only where Redis refuses writes because it cannot persist, though nobody wrote between the looks', () => {
    const evidence = exampleEvidence({
      settings: { ...healthyEvidence.settings, save: '3600 1' },
      vitals: {
        ...healthyEvidence.vitals,
        errors: { MISCONF: 3 },
        persistence: { ...healthyEvidence.vitals.persistence, lastSaveFailed: true },
      },
    } as never)
    expect(verdictOf(evidence)).toMatchObject({ mode: 'read-only', reasons: [expect.stringContaining('MISCONF')] })
  })

  test('is the worst of all nodes', () => {
    const normal = verdictOf(healthyEvidence)
    expect(worstOf([normal, { mode: 'shedding', reasons: ['full'] }, normal]).mode).toBe('shedding')
  })
})
