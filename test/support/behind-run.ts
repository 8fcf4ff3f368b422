import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { Pool } from 'pg'
import { postgresCountersTables } from '../../packages/core/src/index.ts'
import type { BehindRequest } from './behind.worker.ts'
import { type FleetProcess, startFleet } from './fleet.ts'
import { startPostgres } from './postgres-server.ts'
import { startRedisServer } from './redis-server.ts'

export interface BehindRun {
  readonly processes: number
  readonly increments: number
  /** Over which the increments are spread. */
  readonly seconds: number
}

export interface BehindOutcome {
  /** Of the database, and what was asked for. */
  readonly sums: ReadonlyMap<string, number>
  readonly expected: ReadonlyMap<string, number>
  readonly drained: boolean
  readonly leftInRedis: number
  readonly parked: number
  /** What happened meanwhile, and how often. */
  readonly troubles: Readonly<Record<string, number>>
  /** Of all processes, those that were killed as far as they could still tell. */
  readonly appended: number
  readonly direct: number
  readonly takenOver: number
}

const chunkSize = 100
const keys = 40
const worker = new URL('./behind.worker.ts', import.meta.url)
const streamHead = 'shop:{views:behind:0}:'

/**
 * Increments from several processes, which are all callers and consumers and are killed at random, while Redis is frozen and
 * filled up and PostgreSQL is killed and started again. A chunk whose process died is given to another one, with the same ids.
 */
export async function runBehind({ processes, increments, seconds }: BehindRun): Promise<BehindOutcome> {
  const redisServer = await startRedisServer({ maxmemory: '200mb', 'maxmemory-policy': 'noeviction' })
  const postgres = await startPostgres()
  const redis = new Redis(redisServer.url)
  redis.on('error', () => {})
  const pool = new Pool({ connectionString: postgres.url, max: 1 })
  pool.on('error', () => {})
  const members: FleetProcess[] = []
  const start = async () => {
    const [member] = (await startFleet(worker, 1, [redisServer.url, postgres.url])).processes
    if (member !== undefined) members.push(member)
  }
  try {
    await pool.query(postgresCountersTables({ table: 'views' }))
    await Promise.all(Array.from({ length: processes }, start))
    const tallies = { appended: 0, direct: 0, takenOver: 0 }
    const count = async (member: FleetProcess) => {
      const told = await member.request<typeof tallies>({ kind: 'statistics' } satisfies BehindRequest)
      for (const name of ['appended', 'direct', 'takenOver'] as const) tallies[name] += told[name]
    }
    const kill = async (victim: FleetProcess) => {
      members.splice(members.indexOf(victim), 1)
      await count(victim)
      await victim.kill('SIGKILL')
      await start()
    }
    const troubles: Record<string, number> = { kill: 0, freeze: 0, fill: 0, database: 0 }
    const happen: readonly [string, () => Promise<void>][] = [
      ['kill', () => kill(anyOf(members))],
      [
        'freeze',
        async () => {
          await redisServer.freeze()
          await pause(800)
          await redisServer.thaw()
        },
      ],
      ['kill', () => kill(anyOf(members))],
      [
        'fill',
        async () => {
          await redis.config('SET', 'maxmemory', '1')
          await pause(1_500)
          await redis.config('SET', 'maxmemory', '200mb')
        },
      ],
      ['kill', () => kill(anyOf(members))],
      [
        'database',
        async () => {
          await postgres.kill()
          await pause(500)
          // It has a batch in hand that it cannot save: somebody must take that over.
          await kill(await flusherOf(members))
          await postgres.start()
        },
      ],
    ]
    let over = false
    const trouble = async () => {
      for (let index = 0; !over || index < happen.length; index++) {
        const [name, make] = happen[index % happen.length] as (typeof happen)[number]
        const since = performance.now()
        await make()
        troubles[name] = (troubles[name] ?? 0) + 1
        // As long as it lasted, on a machine of any speed: most increments are to go the usual way.
        await pause(Math.max(300, performance.now() - since))
      }
    }
    const troubled = trouble()
    const chunks = increments / chunkSize
    const began = performance.now()
    const expected = new Map<string, number>()
    const running: Promise<void>[] = []
    for (let chunk = 0; chunk < chunks; chunk++) {
      for (let index = 0; index < chunkSize; index++) {
        const key = `page-${(chunk * 31 + index) % keys}`
        expected.set(key, (expected.get(key) ?? 0) + 1)
      }
      running.push(perform(members, { kind: 'chunk', chunk, count: chunkSize, keys }))
      const due = began + ((chunk + 1) * seconds * 1_000) / chunks
      if (due > performance.now()) await pause(due - performance.now())
    }
    await Promise.all(running)
    over = true
    await troubled
    const [first] = members as [FleetProcess]
    const drained = await first.request<boolean>({ kind: 'drain', milliseconds: 30_000 } satisfies BehindRequest)
    await Promise.all(members.map(count))
    const { rows } = await pool.query<{ key: string; value: string }>('select key, value from views')
    return {
      sums: new Map(rows.map(({ key, value }) => [key, Number(value)])),
      expected,
      drained,
      leftInRedis: await redis.xlen(`${streamHead}stream`),
      parked: await redis.xlen(`${streamHead}parked`),
      troubles,
      ...tallies,
    }
  } finally {
    await redisServer.thaw()
    await Promise.all(members.map((member) => member.kill('SIGKILL')))
    redis.disconnect()
    await pool.end()
    await Promise.all([redisServer.stop(), postgres.stop()])
  }
}

function anyOf(members: readonly FleetProcess[]): FleetProcess {
  return members[Math.floor(Math.random() * members.length)] as FleetProcess
}

/** The one that saves what waits, if any does just now. */
async function flusherOf(members: readonly FleetProcess[]): Promise<FleetProcess> {
  const flushing = await Promise.all(
    members.map((member) => member.request<boolean>({ kind: 'flushing' } satisfies BehindRequest)),
  )
  return members[flushing.indexOf(true)] ?? anyOf(members)
}

/** Until some process has done all of it. */
async function perform(members: readonly FleetProcess[], request: BehindRequest): Promise<void> {
  for (;;) {
    try {
      await anyOf(members).request(request)
      return
    } catch (error) {
      if (!/ended by SIGKILL/.test(String(error))) throw error
    }
    await pause(20)
  }
}
