import { expect, test } from 'vitest'
import type { Finding } from '../findings/finding.ts'
import { CouldNotLook } from './could-not-look.ts'
import { examineFake, infoOf } from './examination.fixture.ts'
import type { Examination } from './examination.ts'
import { renderJson } from './json-document.ts'
import { renderReport } from './report.ts'
import { watchLine, watchScreen } from './watch-view.ts'

const finding: Finding = {
  id: 'memory-high',
  severity: 'critical',
  target: 'main',
  title: 'Redis is nearly full',
  evidence: ['used 84 MiB of 100 MiB', 'the policy evicts nothing'],
  why: 'Writes are refused as soon as it is full, while everything else goes on, so that it is noticed late.',
  remedy: {
    say: 'Give it more memory.',
    redisCli: ['redis-cli CONFIG SET maxmemory 200mb'],
    helm: 'master:\n  resources:\n    limits:\n      memory: 256Mi\n',
  },
}

async function fixed(): Promise<Examination> {
  return {
    ...(await examineFake({ INFO: infoOf(), CONFIG: ['save', ''] })),
    findings: [finding],
    redHerrings: [{ id: 'rh-client-count', looksLike: '312 clients', whyNot: 'that is 3 % of what it takes' }],
    ran: [{ command: 'INFO', times: 2, milliseconds: 1.5, effect: 'reads no key' }],
  }
}

const plain = { color: false, width: 80 }

test('the report: what is the case, what to do, what is no cause, what it cost', async () => {
  expect(renderReport(await fixed(), plain)).toMatchInlineSnapshot(`
    "10.0.0.1:7000, used as a cache: 1 critical finding; Plimsoll would be in mode
    conserving (memory is at 84 % of its limit)

      server    Redis 7.0.15, standalone, primary, up 1 day
      memory    ████████████████████░░░░ 84 %, 84 MiB of 100 MiB (maxmemory),
                noeviction
      keys      48,000 keys, 50 % with a TTL
      clients   312 of 10,000 clients (3.1 %)
      commands  of the time spent since the start: get 60 %, config get 40 %

    CRITICAL  Redis is nearly full
      - used 84 MiB of 100 MiB
      - the policy evicts nothing
      why: Writes are refused as soon as it is full, while everything else goes on,
           so that it is noticed late.
      do: Give it more memory.
          redis-cli CONFIG SET maxmemory 200mb
        values.yaml:
          master:
            resources:
              limits:
                memory: 256Mi
        memory-high

    Looked at and dismissed
      - 312 clients: that is 3 % of what it takes

    Not looked at
      - the container's memory limit: Redis cannot know it (--limit, --manifest or
        --pod)
      - how the container ended last (--pod)
      - the log (--logs)
      - a limit that the fleet has learned (--name)
      - single keys: prefixes, sizes, TTLs (--sample 10000)

    What this look cost
      - INFO: 2 times, 1.5 ms in all; reads no key
    "
  `)
})

test('in colours it says the same', async () => {
  const examination = await fixed()
  const colored = renderReport(examination, { color: true, width: 80 })
  expect(colored).toContain('\x1b[1;31mCRITICAL\x1b[0m')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  expect(colored.replace(/\x1b\[[\d;]*m/g, '')).toBe(renderReport(examination, plain))
})

test('no line but what is to be copied is wider than the screen', async () => {
  const lines = renderReport(await fixed(), { color: false, width: 60 }).split('\n')
  expect(lines.filter((line) => line.length > 60)).toEqual([])
})

test('a name of a key that was meant for the terminal arrives as text', async () => {
  const examination = await fixed()
  const evil = { ...finding, evidence: ['prefix \x1b]0;owned\x07'] }
  expect(renderReport({ ...examination, findings: [evil] }, plain)).toContain('- prefix �]0;owned�')
})

test('one JSON document, without user and password', async () => {
  const text = renderJson(await fixed())
  expect(text).not.toContain('hunter2')
  expect(JSON.parse(text)).toMatchObject({
    schemaVersion: 1,
    address: '10.0.0.1:7000',
    mode: 'conserving',
    exitCode: 2,
    findings: [{ id: 'memory-high', severity: 'critical' }],
    redHerrings: [{ id: 'rh-client-count' }],
    nodes: [{ target: 'main', fill: 0.84, vitals: { version: '7.0.15', memory: { max: 104_857_600 } } }],
    commands: [{ command: 'INFO', times: 2 }],
  })
})

test('the live screen fits, and tells what is wrong', async () => {
  const screen = watchScreen(await fixed(), '10.0.0.1:7000', 1_000, { color: false, width: 80 })
  expect(screen.filter((line) => line.length > 80)).toEqual([])
  expect(screen.join('\n')).toMatch(
    /mode conserving: memory is at 84 %[\s\S]*84 MiB of 100 MiB[\s\S]*Redis is nearly full/,
  )
})

test('the live screen goes on where Redis is gone', () => {
  const screen = watchScreen(new CouldNotLook('10.0.0.1:7000: nothing listens there'), '10.0.0.1:7000', 1_000, plain)
  expect(screen).toContain('10.0.0.1:7000: nothing listens there')
})

test('a look on one line', async () => {
  const line = watchLine(await fixed(), plain)
  expect(line).toBe(
    '2026-01-01T00:00:02.000Z  conserving  84 MiB of 100 MiB (84 %)  +0 B/s  0 evicted/s  memory-high\n',
  )
})

test('the same commands and values are printed once for a node', async () => {
  const examination = await fixed()
  const full = { ...finding, id: 'oom-rejecting-writes' } as const
  const other = { ...full, remedy: { ...full.remedy, redisCli: ['redis-cli CONFIG SET maxmemory 300mb'] } }
  const printed = renderReport({ ...examination, findings: [finding, full, other] }, plain)
  expect(printed.match(/CONFIG SET maxmemory 200mb/g)).toHaveLength(1)
  expect(printed.match(/the same commands and values as for memory-high, above/g)).toHaveLength(1)
  expect(printed).toContain('CONFIG SET maxmemory 300mb')
})
