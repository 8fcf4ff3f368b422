import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseDocument } from 'yaml'
import { anyEvidence, blankEvidence } from './any-evidence.ts'
import { diagnose } from './diagnose.ts'
import type { Evidence } from './evidence.ts'
import { crashingStore, exampleEvidence, healthyEvidence, mendedStore } from './example-evidence.ts'
import { redHerrings } from './red-herrings.ts'
import { rank, worstSeverity } from './severity.ts'

const MiB = 1024 ** 2
const find = (evidence: Evidence, id: string) => diagnose(evidence).find((finding) => finding.id === id)

describe('diagnose', () => {
  test('finds nothing wrong with a healthy Redis', () => {
    expect(diagnose(healthyEvidence)).toEqual([])
  })

  test('names the cause of a store that keeps dying first, with its numbers and its mending', () => {
    const findings = diagnose(exampleEvidence(crashingStore))
    expect(findings.slice(0, 3).map(({ id }) => id)).toEqual([
      'no-memory-limit',
      'policy-noeviction-on-cache',
      'container-oom-kill-suspected',
    ])
    expect(findings.map(({ id }) => id)).toEqual(expect.arrayContaining(['memory-high', 'container-limit-too-close']))
    const [cause] = findings
    expect(cause?.severity).toBe('critical')
    expect(cause?.evidence.join('\n')).toContain('56 MiB of 64 MiB (88 %)')
    expect(cause?.remedy.redisCli).toEqual([
      'redis-cli CONFIG SET maxmemory 200mb',
      'redis-cli CONFIG SET maxmemory-policy allkeys-lru',
    ])
    expect(parseDocument(cause?.remedy.helm ?? '').toJS()).toEqual({
      master: {
        configuration: 'maxmemory 200mb\nmaxmemory-policy allkeys-lru',
        resources: { requests: { memory: '256Mi' }, limits: { memory: '256Mi' } },
      },
    })
  })

  test('gives nothing above info once that store is mended', () => {
    expect(diagnose(exampleEvidence(mendedStore)).filter(({ severity }) => severity !== 'info')).toEqual([])
  })

  test('speaks of the place that a managed service has for settings, never of CONFIG SET', () => {
    for (const provider of ['elasticache', 'memorystore', 'azure'] as const) {
      const evidence = exampleEvidence(crashingStore, { vitals: { provider } })
      for (const { remedy } of diagnose(evidence)) {
        expect(remedy.redisCli.join()).not.toContain('CONFIG SET')
        expect(remedy.helm).toBeUndefined()
      }
      expect(find(evidence, 'no-memory-limit')?.remedy.say).toMatch(
        /maxmemory 200mb.* \(CONFIG SET is not available there\)/,
      )
    }
  })

  test('offers each purpose its policy', () => {
    const advised = (purpose: Evidence['purpose'], policy: string) =>
      find(exampleEvidence({ purpose, vitals: { memory: { max: 0, policy } } }), 'no-memory-limit')?.remedy.redisCli.at(
        -1,
      )
    expect(advised('cache', 'noeviction')).toBe('redis-cli CONFIG SET maxmemory-policy allkeys-lru')
    expect(advised('cache', 'allkeys-lfu')).toBe('redis-cli CONFIG SET maxmemory-policy allkeys-lfu')
    expect(advised('session', 'noeviction')).toBe('redis-cli CONFIG SET maxmemory-policy volatile-ttl')
    expect(advised('queue', 'allkeys-lru')).toBe('redis-cli CONFIG SET maxmemory-policy noeviction')
  })

  test('says which prefix holds the memory', () => {
    const prefix = (name: string, bytes: number) => ({
      ...{ prefix: name, keys: 10, bytes, withoutTtl: 0, averageTtlMilliseconds: undefined },
    })
    const sample = { prefixes: [prefix('ai:*', 10 * MiB), prefix('sess:*', 30 * MiB)] }
    expect(find(exampleEvidence(crashingStore, { sample }), 'memory-high')?.evidence).toContain(
      'by prefix, of what was sampled: sess:* 30 MiB (75 %), ai:* 10 MiB (25 %)',
    )
  })

  test('gives nothing where nothing was looked at', () => {
    expect(diagnose(blankEvidence)).toEqual([])
    expect(redHerrings(blankEvidence)).toEqual([])
  })

  test('never throws and never prints what is no number, whatever is missing', () => {
    fc.assert(
      fc.property(anyEvidence, (evidence) => {
        const findings = diagnose(evidence)
        expect(new Set(findings.map(({ id }) => id)).size).toBe(findings.length)
        expect(JSON.stringify([findings, redHerrings(evidence)])).not.toMatch(/undefined|NaN|Infinity|\[object/)
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('severity', () => {
  test('ranks the worst first, and causes before what follows from them', () => {
    const all = [
      { id: 'no-negative-ttl', severity: 'info' },
      { id: 'mass-eviction', severity: 'warning' },
      { id: 'memory-high', severity: 'critical' },
      { id: 'no-memory-limit', severity: 'critical' },
    ] as const
    expect(rank(all).map(({ id }) => id)).toEqual([
      'no-memory-limit',
      'memory-high',
      'mass-eviction',
      'no-negative-ttl',
    ])
    expect(all[0].id).toBe('no-negative-ttl')
  })

  test('tells the worst', () => {
    expect(worstSeverity([])).toBeUndefined()
    expect(worstSeverity([{ severity: 'info' }])).toBe('info')
    expect(worstSeverity([{ severity: 'info' }, { severity: 'critical' }, { severity: 'warning' }])).toBe('critical')
  })
})
