import { expect, test } from 'vitest'
import { askerOf, brought, examineFake, infoOf, options, replyError } from './examination.fixture.ts'
import { exitCodeOf } from './examination.ts'
import { look, parseCommandLoads } from './look.ts'
import { Questions } from './questions.ts'

const noperm = (command: string) => replyError(`NOPERM this user has no permissions to run the '${command}' command`)
const never = new AbortController().signal

test('what INFO tells becomes evidence, and the mode is that of the ladder', async () => {
  const examination = await examineFake({ INFO: infoOf(), CONFIG: ['save', ''] })
  const [node] = examination.nodes
  expect(node?.evidence).toMatchObject({ fill: 0.84, canEvict: false, line: { source: 'maxmemory' } })
  expect(examination.verdict).toEqual({ mode: 'conserving', reasons: ['memory is at 84 % of its limit'] })
  expect(node?.evidence.trend).toMatchObject({ looks: 2, seconds: 1 })
  expect(node?.evidence.settings).toMatchObject({ save: '', denied: false })
  expect(examination.address).toBe('10.0.0.1:7000')
})

test.each([
  [{ used_memory: 104_857_601 }, 'read-only', 'Redis is full and refuses writes (OOM)'],
  [{ role: 'slave' }, 'read-only', 'Redis is a read-only replica and refuses writes (READONLY)'],
  [{ loading: 1 }, 'local-only', 'Redis cannot be read'],
  [{ maxmemory_policy: 'allkeys-lru', used_memory: 104_857_601 }, 'normal', undefined],
])('%j: mode %s', async (fields, mode, reason) => {
  const { verdict } = await examineFake({ INFO: infoOf(fields), CONFIG: [] })
  expect(verdict.mode).toBe(mode)
  expect(verdict.reasons[0]).toBe(reason)
})

test('a declared limit, a connection budget and what the manifest says otherwise', async () => {
  const examination = await examineFake(
    { INFO: infoOf(), CONFIG: [] },
    {
      options: { ...options, budget: { pods: 100, connections: 50, surge: 2, others: 0 } },
      declaredLimit: 96 * 1024 ** 2,
      written: { maxmemory: 1, policy: 'noeviction' },
    },
  )
  expect(examination.nodes[0]?.evidence.line).toMatchObject({ source: 'declared', kills: true })
  expect(examination.nodes[0]?.evidence.budget).toMatchObject({ needed: 10_000, max: 10_000 })
  expect(examination.notes).toEqual(['manifest: its maxmemory is not the one in force; was it rolled out?'])
})

test('before Redis 7.0 INFO takes one section', async () => {
  const asker = askerOf({
    'INFO server': replyError('ERR syntax error'),
    'INFO ': infoOf(),
    'INFO commandstats': 'cmdstat_set:calls=2,usec=7,usec_per_call=3.50',
  })
  const { vitals, commands } = await look(new Questions(asker, 1_000, never), () => 1)
  expect(vitals).toMatchObject({ origin: 'info', version: '7.0.15' })
  expect(commands?.at(-1)).toEqual({ command: 'set', calls: 2, microseconds: 7 })
})

test('not more words than Redis takes from somebody who has not authenticated', async () => {
  const asker = askerOf({ INFO: infoOf() })
  await look(new Questions(asker, 1_000, never), () => 1)
  expect(asker.asked[0]?.split(' ').length).toBeLessThanOrEqual(10)
})

test('without the right to INFO it looks at what is left, and that is no all-clear', async () => {
  const examination = await examineFake({
    INFO: noperm('info'),
    CONFIG: noperm('config|get'),
    MEMORY: ['total.allocated', 1_000_000],
    DBSIZE: 12,
  })
  expect(examination.nodes[0]?.evidence.vitals).toMatchObject({ origin: 'memory-stats', keys: 12 })
  expect(examination.notLookedAt.join('\n')).toMatch(/INFO: denied[\s\S]*CONFIG GET: denied/)
  expect(exitCodeOf(examination)).toBe(3)
})

test('a provider that has taken CONFIG away is no error, and is asked once', async () => {
  const unknown = replyError("ERR unknown command 'CONFIG', with args beginning with: 'GET' 'save'")
  const { nodes, ran } = await examineFake({ INFO: infoOf(), CONFIG: unknown })
  expect(nodes[0]?.evidence.settings).toMatchObject({ denied: true, save: undefined })
  expect(ran.filter(({ command }) => command.startsWith('CONFIG'))).toHaveLength(1)
})

test('without any right there is nothing to examine', async () => {
  const answers = { INFO: noperm('info'), MEMORY: noperm('memory|stats') }
  await expect(examineFake(answers)).rejects.toThrow('NOPERM')
})

test('the learned line is read where the cache is named, and the report says so without naming the key', async () => {
  const named = { options: { ...options, name: 'shop' } }
  const answers = { INFO: infoOf(), CONFIG: [], 'GET shop:{plimsoll}:line': '{"bytes":67108864,"deaths":3}' }
  const { nodes, ran } = await examineFake(answers, named)
  expect(nodes[0]?.evidence.learned).toMatchObject({ bytes: 67_108_864, deaths: 3 })
  expect(ran.map(({ command }) => command)).toContain('GET <name>:{plimsoll}:line')
  const without = await examineFake({ INFO: infoOf(), CONFIG: [] })
  expect(without.ran.some(({ command }) => command.startsWith('GET'))).toBe(false)
})

test('only commands that read, and none that Redis would suffer from', async () => {
  const { ran } = await examineFake(
    { INFO: infoOf(), CONFIG: [], GET: null },
    { options: { ...brought.options, name: 'a' } },
  )
  const words = ran.map(({ command }) => command.split(' ')[0])
  expect(new Set(words)).toEqual(new Set(['one', 'INFO', 'CONFIG', 'GET']))
})

test('the exit code is that of the worst finding', async () => {
  const { nodes } = await examineFake({ INFO: infoOf(), CONFIG: [] })
  const finding = { id: 'swapping', target: 'main', title: '', evidence: [], why: '' } as const
  const remedy = { say: '', redisCli: [] }
  const code = (...severities: ('info' | 'warning' | 'critical')[]) =>
    exitCodeOf({ nodes, findings: severities.map((severity) => ({ ...finding, remedy, severity })) })
  expect([code(), code('info'), code('info', 'warning'), code('warning', 'critical')]).toEqual([0, 0, 1, 2])
})

test('command loads, subcommands by their two words', () => {
  expect(parseCommandLoads(infoOf())).toEqual([
    { command: 'get', calls: 10, microseconds: 600 },
    { command: 'config get', calls: 1, microseconds: 400 },
  ])
})

test('an answer that does not come is waited for no longer than the deadline', async () => {
  const silent = { call: () => new Promise<never>(() => {}) }
  await expect(new Questions(silent, 50, never).ask({ command: 'INFO' })).rejects.toThrow('no reply within 50 ms')
})

test('an interruption ends the waiting', async () => {
  const interruption = new AbortController()
  const questions = new Questions({ call: () => new Promise<never>(() => {}) }, 60_000, interruption.signal)
  const asked = questions.ask({ command: 'INFO' })
  interruption.abort(new Error('interrupted'))
  await expect(asked).rejects.toThrow('interrupted')
})

test('keys that are refused leave the rest of the look as it is', async () => {
  const masterDown = replyError("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.")
  const named = { options: { ...options, name: 'shop' } }
  const answers = { INFO: infoOf({ role: 'slave' }), CONFIG: [], 'GET shop:{plimsoll}:line': masterDown }
  const { findings, nodes } = await examineFake(answers, named)
  expect(nodes[0]?.evidence.learned).toBeUndefined()
  expect(findings.map(({ id }) => id)).toContain('readonly-endpoint')
})
