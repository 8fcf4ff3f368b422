import { expect, test } from 'vitest'
import { judgeHistory, type Outage, type SessionEvent } from './session-history.ts'

function write(process: number, start: number, version: number, acknowledged = true): SessionEvent {
  return { process, handle: 'a', kind: 'write', start, end: start + 10, version, acknowledged, told: true }
}

function destroy(process: number, start: number): SessionEvent {
  return {
    process,
    handle: 'a',
    kind: 'destroy',
    start,
    end: start + 10,
    version: undefined,
    acknowledged: true,
    told: true,
  }
}

function read(process: number, start: number, version: number | undefined): SessionEvent {
  return { process, handle: 'a', kind: 'read', start, end: start + 10, version, acknowledged: true, told: true }
}

function verdict(events: readonly SessionEvent[], ...outages: Outage[]): string {
  const { violations, allowed } = judgeHistory(events, outages)
  return [...violations.map(({ what }) => what), ...allowed.map(({ what }) => `allowed: ${what}`)].join(', ')
}

test('sees an older version, by whichever process, once a newer one had been acknowledged', () => {
  const before = [write(1, 0, 1), write(1, 100, 2)]
  expect(verdict([...before, read(1, 200, 1)])).toBe('older version')
  expect(verdict([...before, read(2, 200, 1)])).toBe('older version')
  expect(verdict([...before, read(2, 200, 2)])).toBe('')
  expect(verdict([...before, read(2, 105, 1)])).toBe('')
  expect(verdict([write(1, 0, 1), write(1, 100, 2, false), read(2, 200, 1)])).toBe('')
})

test('sees a session that was destroyed, and one that is not there though nobody destroyed it', () => {
  expect(verdict([write(1, 0, 1), destroy(1, 100), read(2, 200, 1)])).toBe('destroyed session')
  expect(verdict([write(1, 0, 1), destroy(1, 100), read(2, 105, 1)])).toBe('')
  expect(verdict([write(1, 0, 1), destroy(1, 100), read(2, 200, undefined)])).toBe('')
  expect(verdict([write(1, 0, 1), read(2, 50, undefined), destroy(1, 100)])).toBe('logged out')
})

test('allows others for 3 s what Redis was not told of in time', () => {
  const before = [write(1, 0, 1), { ...write(1, 1_000, 2), told: false }]
  expect(verdict([...before, read(2, 4_000, 1)])).toBe('allowed: older version')
  expect(verdict([...before, read(2, 4_020, 1)])).toBe('older version')
  expect(verdict([...before, read(1, 1_100, 1)])).toBe('older version')
})

test("allows others what was written during an outage of the writer's, until 3 s after it", () => {
  const before = [write(1, 0, 1), write(1, 1_000, 2)]
  const outage = { process: 1, start: 900, end: 2_000 }
  expect(verdict([...before, read(2, 4_900, 1)], outage)).toBe('allowed: older version')
  expect(verdict([...before, read(2, 5_100, 1)], outage)).toBe('older version')
  expect(verdict([...before, read(1, 1_100, 1)], outage)).toBe('older version')
  expect(verdict([...before, read(2, 1_100, 1)], { ...outage, process: 3 })).toBe('older version')
  const again = { process: undefined, start: 4_000, end: 6_000 }
  expect(verdict([...before, read(2, 8_900, 1)], again, outage)).toBe('allowed: older version')
  expect(verdict([...before, read(2, 9_100, 1)], again, outage)).toBe('older version')
})
