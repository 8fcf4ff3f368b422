import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { readManifest } from './manifest.ts'
import { helmOf, makePlan, type PlanInput, redisCliOf } from './plan.ts'
import { bytesBesideUsage, bytesPerKey } from './plan-bytes.ts'
import { planText } from './plan-text.ts'

const runbook: PlanInput = {
  purpose: 'session',
  keys: 30_000,
  size: { kind: 'value', bytes: 2_048 },
  headroom: 2.5,
  growth: 0,
}
const Mi = 1024 ** 2

describe('bytes per key', () => {
  test.each([
    [2_048, 2_706],
    [200, 370],
  ])('a session of %d bytes takes %d, give or take one', (valueBytes, measured) => {
    expect(Math.abs(bytesPerKey({ valueBytes, keys: 30_000 }) - measured)).toBeLessThanOrEqual(1)
  })

  // Measured with 20,000 keys: used_memory before and after, by the number of keys.
  test.each([
    [2_048, true, 40, 2_714],
    [2_000, true, 40, 2_202],
    [2_042, true, 40, 2_202],
    [1_000, true, 40, 1_178],
    [5_000, true, 40, 5_274],
    [20_000, true, 40, 20_634],
    [100, true, 40, 266],
    [44, true, 40, 202],
    [20, true, 40, 186],
    [200, true, 20, 362],
    [200, true, 80, 426],
    [200, false, 40, 333],
    [2_048, false, 40, 2_669],
  ])('%d bytes, expiring %s, a name of %d: within 1 %% of %d', (valueBytes, expires, nameBytes, measured) => {
    const bytes = bytesPerKey({ valueBytes, keys: 20_000, expires, nameBytes })
    expect(Math.abs(bytes / measured - 1)).toBeLessThan(0.01)
  })

  test('what MEMORY USAGE leaves out', () => {
    expect(2_648 + bytesBesideUsage({ keys: 20_000, expiring: 1 })).toBeCloseTo(2_714, 0)
    expect(2_648 + bytesBesideUsage({ keys: 20_000, expiring: 0 })).toBeCloseTo(2_669, 0)
  })
})

describe('a plan', () => {
  test('for 10,000 users with 3 sessions of 2 KB: 73 MB by the rule of thumb, 200 MB with a margin', () => {
    expect(makePlan(runbook)).toEqual({
      purpose: 'session',
      keys: 30_000,
      bytesPerKey: 2_705,
      overhead: 1.32,
      ruleOfThumb: 73_728_000,
      data: 81_164_288,
      headroom: 2.5,
      maxmemory: 200 * Mi,
      maxmemoryText: '200mb',
      policy: 'allkeys-lru',
      persistence: 'none',
      containerLimit: 256 * Mi,
      containerLimitText: '256Mi',
      growth: null,
    })
  })

  test('a queue loses no job: it refuses, keeps a log, and has room for copy-on-write', () => {
    const plan = makePlan({ ...runbook, purpose: 'queue' })
    expect(plan).toMatchObject({ policy: 'noeviction', persistence: 'aof' })
    expect(plan.containerLimit).toBeGreaterThanOrEqual(1.75 * plan.maxmemory)
  })

  test.each([1, 1_000, 30_000, 1e6, 1e9, 1e12])(
    '%d keys: the container always has a fifth beside maxmemory',
    (keys) => {
      const plan = makePlan({ ...runbook, keys })
      expect(plan.maxmemory).toBeGreaterThanOrEqual(plan.data * plan.headroom)
      expect(plan.maxmemory / plan.containerLimit).toBeLessThanOrEqual(0.8)
      expect(plan.containerLimit - plan.maxmemory).toBeGreaterThanOrEqual(32 * Mi)
      expect(plan.maxmemoryText).toMatch(/^\d+mb$/)
      expect(plan.containerLimitText).toMatch(/^\d+Mi$/)
    },
  )

  test('growth is told until Redis is full', () => {
    const growth = makePlan({ ...runbook, growth: 0.05 }).growth
    expect(growth).toMatchObject({ perMonth: 0.05, raiseBy: 15, fullBy: 20 })
    expect(growth?.months).toHaveLength(21)
    expect(growth?.months[0]).toEqual({ month: 0, keys: 30_000, data: 81_164_288, fill: 0.387 })
    expect(growth?.months[19]?.fill).toBeLessThan(1)
    expect(makePlan({ ...runbook, growth: 0.001 }).growth).toMatchObject({ raiseBy: null, fullBy: null })
  })

  test('its values are YAML that says the same, and its commands too', () => {
    const plan = makePlan(runbook)
    expect(parse(helmOf(plan))).toMatchObject({ replica: { resources: { limits: { memory: '256Mi' } } } })
    expect(readManifest(helmOf(plan))).toMatchObject({
      ...{ memoryLimit: plan.containerLimit, maxmemory: plan.maxmemory, maxmemoryPolicy: plan.policy },
      ...{ save: '', appendOnly: false, notes: [] },
    })
    expect(redisCliOf(plan)).toEqual(['CONFIG SET maxmemory 200mb', 'CONFIG SET maxmemory-policy allkeys-lru'])
    const queue = makePlan({ ...runbook, purpose: 'queue' })
    expect(redisCliOf(queue)).toContain('CONFIG SET appendonly yes')
  })

  test('as text', () => {
    expect(planText(makePlan({ ...runbook, growth: 0.5 }))).toMatchInlineSnapshot(`
      "  keys              30,000
        memory per key    2,705 B      value × 1.32
        rule of thumb     73.7 MB      keys × value × 1.2, for comparison
        data              81.2 MB      keys × memory per key
        maxmemory         200mb        data × 2.5, rounded up
        maxmemory-policy  allkeys-lru  when full, the longest idle sessions end; no login is refused
        container limit   256Mi        at least maxmemory × 1.25

      Growth of 50 % a month

        month 0  30,000 keys   81.2 MB  38.7 %
        month 1  45,000 keys   122 MB   58.1 %
        month 2  67,500 keys   183 MB   87.1 %   over 80 %: raise maxmemory and the limit
        month 3  101,250 keys  274 MB   130.6 %  full

      Set a running Redis so (until its next start; a maxmemory below what it uses evicts or refuses at once)

        redis-cli CONFIG SET maxmemory 200mb
        redis-cli CONFIG SET maxmemory-policy allkeys-lru

      Helm values (Bitnami's chart of Redis)

        commonConfiguration: |-
          maxmemory 200mb
          maxmemory-policy allkeys-lru
          save ""
          appendonly no
        master:
          resources:
            requests:
              memory: 256Mi
            limits:
              memory: 256Mi
          persistence:
            enabled: false
        replica:
          resources:
            requests:
              memory: 256Mi
            limits:
              memory: 256Mi
          persistence:
            enabled: false
      "
    `)
  })
})
