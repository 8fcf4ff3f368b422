import { describe, expect, test } from 'vitest'
import { findPrometheus } from '../../scripts/prometheus.ts'
import { runCaptured } from '../../scripts/run.ts'
import { alertsShownFiring, monitoring, rulesOf } from './shipped.ts'

const programs = await findPrometheus()
const missing = 'reason' in programs ? ` (skipped: ${programs.reason})` : ''
const promtool = 'promtool' in programs ? programs.promtool : ''

const groups = [
  {
    file: 'plimsoll.rules.yml',
    tests: 'plimsoll.test.yml',
    ofTheRunbook: [
      'PlimsollHighMemoryUsage',
      'PlimsollMemoryWarning',
      'PlimsollMemoryCritical',
      'PlimsollHighEvictionRate',
      'PlimsollStoreDown',
      'PlimsollConnectionPoolExhausted',
      'PlimsollConnectionsHigh',
      'PlimsollCacheHitRateLow',
      'PlimsollStoreErrors',
      'PlimsollTTLViolations',
    ],
  },
  {
    file: 'redis-exporter.rules.yml',
    tests: 'redis-exporter.test.yml',
    // Without SessionTTLViolations: an exporter cannot see what a client wrote.
    ofTheRunbook: [
      'RedisHighMemoryUsage',
      'RedisMemoryWarning',
      'RedisMemoryCritical',
      'RedisHighEvictionRate',
      'RedisSessionStoreDown',
      'RedisConnectionPoolExhausted',
      'RedisConnectionsHigh',
      'RedisCacheHitRateLow',
      'SessionStoreErrors',
    ],
  },
]

describe.each(groups)('$file', ({ file, tests, ofTheRunbook }) => {
  test.skipIf(missing)(`promtool check rules${missing}`, async () => {
    expect(await runCaptured(promtool, ['check', 'rules', `${monitoring}/${file}`])).toContain('SUCCESS')
  })

  test.skipIf(missing)(`promtool test rules${missing}`, async () => {
    expect(await runCaptured(promtool, ['test', 'rules', `${monitoring}/${tests}`])).toContain('SUCCESS')
  })

  test('each alert has a severity, says what is the case and what to do, and where to read on', async () => {
    for (const { alert, labels, annotations } of await rulesOf(file)) {
      if (alert === undefined) continue
      expect(labels?.severity, alert).toMatch(/^(info|warning|critical)$/)
      expect(annotations, alert).toEqual({
        summary: expect.stringContaining('{{ $labels.'),
        description: expect.stringMatching(/\.$/),
        action: expect.stringMatching(/\.$/),
        runbook: `docs/alerts.md#${alert.toLowerCase()}`,
      })
    }
  })

  test('each alert is told from the others by its name, and its tests let it fire', async () => {
    const alerts = (await rulesOf(file)).flatMap(({ alert }) => alert ?? [])
    const firing = await alertsShownFiring(tests)
    expect(new Set(alerts).size).toBe(alerts.length)
    expect(alerts.filter((alert) => !firing.has(alert))).toEqual([])
  })

  test('has every alert of the runbook', async () => {
    const alerts = (await rulesOf(file)).map(({ alert }) => alert)
    expect(alerts).toEqual(expect.arrayContaining(ofTheRunbook))
  })
})

test('what is one server’s is never summed up over the processes that tell of it', async () => {
  const summed = /\bsum(?: by \([^)]*\))?\s*\(\s*(?:rate|increase)?\s*\(?\s*plimsoll_(?:server_|mode|target_available)/
  for (const { expr, alert, record } of await rulesOf('plimsoll.rules.yml')) {
    expect(expr, alert ?? record).not.toMatch(summed)
  }
})
