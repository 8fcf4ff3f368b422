import { expect, test } from 'vitest'
import type { Finding, Severity } from './finding.ts'
import { FindingLog } from './finding-log.ts'

const finding = (id: Finding['id'], severity: Severity, target = 'main'): Finding => ({
  ...{ id, severity, target, title: id, evidence: [], why: '' },
  remedy: { say: '', redisCli: [] },
})

test('tells of a finding once, again when it is worse, and when it has been gone for a minute', () => {
  const log = new FindingLog()
  const warning = finding('memory-high', 'warning')
  const critical = finding('memory-high', 'critical')
  expect(log.note([warning], 0).found).toEqual([warning])
  expect(log.note([warning], 1_000)).toEqual({ found: [], gone: [] })
  expect(log.note([critical], 2_000).found).toEqual([critical])
  expect(log.note([warning], 3_000).found).toEqual([])
  expect(log.note([critical], 4_000).found).toEqual([])
  expect(log.note([], 63_999)).toEqual({ found: [], gone: [] })
  expect(log.note([], 64_000).gone).toEqual([{ id: 'memory-high', target: 'main' }])
  expect(log.note([warning], 65_000).found).toEqual([warning])
})

test('takes what comes and goes at its threshold for one finding', () => {
  const log = new FindingLog()
  const warning = finding('memory-high', 'warning')
  let lines = 0
  for (let second = 0; second < 600; second++) {
    const { found, gone } = log.note(second % 2 === 0 ? [warning] : [], second * 1_000)
    lines += found.length + gone.length
  }
  expect(lines).toBe(1)
})

test('keeps the findings of each Redis apart, and is silent about what is only good to know', () => {
  const log = new FindingLog()
  const both = [finding('no-memory-limit', 'warning'), finding('no-memory-limit', 'warning', 'session')]
  expect(log.note([...both, finding('config-denied', 'info')], 0).found).toEqual(both)
})
