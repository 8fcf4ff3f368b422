import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RedisServer, startRedisServer } from '../../test/support/redis-server.ts'
import { until } from '../../test/support/until.ts'
import { help } from './options.ts'

const script = new URL('warm.ts', import.meta.url).pathname
let redis: RedisServer

beforeAll(async () => {
  redis = await startRedisServer()
})

afterAll(async () => {
  await redis.stop()
})

interface Started {
  readonly child: ChildProcess
  readonly output: { stdout: string; stderr: string }
  readonly ended: Promise<number | null>
}

function start(args: readonly string[], url: string | null = redis.url): Started {
  const env = { ...process.env, REDIS_URL: url ?? undefined, NODE_ENV: 'production' }
  const child = spawn(process.execPath, ['--import', 'tsx', script, ...args], { env })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (text) => {
    output.stdout += text
  })
  child.stderr.on('data', (text) => {
    output.stderr += text
  })
  return { child, output, ended: once(child, 'close').then(([code]) => code as number | null) }
}

const outcomeOf = ({ output }: Started) => JSON.parse(output.stdout.trim().split('\n').at(-1) ?? '')

async function leases(): Promise<string[]> {
  const client = new Redis(redis.url)
  try {
    return await client.keys('*:l')
  } finally {
    client.disconnect()
  }
}

test('--help tells all options and exit codes', async () => {
  const asked = start(['--help'])
  expect(await asked.ended).toBe(0)
  expect(asked.output).toEqual({ stdout: help, stderr: '' })
})

test.each([[['--keys', 'many']], [['--nonsense']], [['--batch', '0']], [['--wait', 'long']]])(
  'wrong options end it with 2, and say what is right: %s',
  async (args) => {
    const wrong = start(args)
    expect(await wrong.ended).toBe(2)
    expect(wrong.output.stdout).toBe('')
    expect(wrong.output.stderr).toContain(help)
  },
)

test('two at once share the work, and a third finds all of it done', async () => {
  const both = [start(['--json', '--keys', '20000']), start(['--json', '--keys', '20000'])]
  expect(await Promise.all(both.map(({ ended }) => ended))).toEqual([0, 0])
  const outcomes = both.map(outcomeOf)
  for (const outcome of outcomes) expect(outcome).toMatchObject({ outcome: 'done', done: 20_000, failed: 0 })
  expect(outcomes[0].loaded + outcomes[1].loaded).toBe(20_000)
  const third = start(['--keys', '20000'])
  expect(await third.ended).toBe(0)
  expect(third.output.stdout).toBe('done: 20000 of 20000 products: 0 loaded, 20000 found, 0 failed\n')
})

test('Ctrl-C ends it in the middle, with what it has done; started again it goes on', async () => {
  const args = ['--json', '--keys', '5000', '--load-time', '200', '--concurrency', '2', '--batch', '50']
  await redis.kill()
  await redis.start()
  const stopped = start(args)
  await until(() => /"loaded":[1-9]/.test(stopped.output.stdout), 'it has loaded some', 30_000)
  stopped.child.kill('SIGINT')
  expect(await stopped.ended).toBe(130)
  expect(await leases()).toEqual([])
  const { outcome, done, loaded } = outcomeOf(stopped)
  expect(outcome).toBe('interrupted')
  expect(done).toBeLessThan(5_000)
  expect(stopped.output.stderr).toBe('')
  const again = start(['--json', '--keys', '5000'])
  expect(await again.ended).toBe(0)
  expect(outcomeOf(again)).toMatchObject({ outcome: 'done', found: loaded, loaded: 5_000 - loaded })
})

test('without a terminal it writes plain lines, in no colours', async () => {
  const plain = start(['--keys', '3000'], null)
  expect(await plain.ended).toBe(0)
  expect(plain.output.stderr).toMatch(/^[\d,]+ of 3,000: [\d,]+ loaded, 0 found, [\d,]+\/s/)
  expect(plain.output.stdout + plain.output.stderr).not.toContain('\x1b')
})

test('where Redis is not there it comes no further, and says so', async () => {
  const stalled = start(['--json', '--keys', '500', '--wait', '1s'], 'redis://127.0.0.1:1')
  expect(await stalled.ended).toBe(1)
  expect(outcomeOf(stalled)).toEqual({ outcome: 'stalled', done: 0, total: 500, loaded: 0, found: 0, failed: 0 })
})
