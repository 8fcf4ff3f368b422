import { setTimeout as pause } from 'node:timers/promises'
import { Budget } from '../../packages/core/src/redis/budget.ts'
import type { SessionHome } from '../../packages/core/src/session/home.ts'
import type { LivingRecord } from '../../packages/core/src/session/record.ts'
import { answerRequests } from '../support/fleet-worker.ts'
import { openBackedHome, openTable } from '../support/open-backed-home.ts'
import type { SessionEvent } from '../support/session-history.ts'

export type WorkerOrder =
  | {
      readonly name: 'start'
      readonly process: number
      readonly redis: string
      readonly postgres: string
      readonly table: string
    }
  | { readonly name: 'ready' }
  | { readonly name: 'finish' }
  | { readonly name: 'readAll'; readonly handles: readonly string[] }

export interface WorkerReport {
  readonly events: readonly SessionEvent[]
  /** Reads that were answered from Redis. */
  readonly redisHits: number
  /** What calls failed with. */
  readonly failures: Readonly<Record<string, number>>
  /** The longest that a call took, in milliseconds, by its name. */
  readonly slowest: Readonly<Record<string, number>>
}

const slots = 40
const loops = 4
const minute = 60_000

let process_ = 0
let close = async (): Promise<void> => {}
let report = (): WorkerReport => {
  throw new Error('start comes first')
}
let isReady = (): boolean => false
let home: SessionHome | undefined
let stopped = false
let running: Promise<unknown> = Promise.resolve()

// One clock for all processes of this machine, which nobody sets.
const now = (): number => Number(process.hrtime.bigint()) / 1e6

answerRequests(
  async (order: WorkerOrder): Promise<unknown> => {
    if (order.name === 'start') return await start(order)
    if (order.name === 'ready') return isReady()
    if (order.name === 'readAll') return await readAll(order.handles)
    stopped = true
    await running
    return report()
  },
  () => close(),
)

async function start(order: Extract<WorkerOrder, { name: 'start' }>): Promise<void> {
  process_ = order.process
  const table = await openTable(order.postgres, order.table)
  const opened = openBackedHome(table.backing, { redis: order.redis })
  const { cache } = opened
  home = opened.home
  close = async () => {
    await opened.close()
    await table.close()
  }
  const isInStep = () => cache?.health().redis.pendingInvalidations === 0
  const driver = new Driver(opened.home, isInStep)
  isReady = () => cache?.health().redis.channel === 'connected'
  report = () => ({
    ...{ events: driver.events, failures: driver.failures, slowest: driver.slowest },
    redisHits: cache?.health().namespaces['session']?.redisHits ?? 0,
  })
  running = Promise.all(Array.from({ length: loops }, () => driver.run()))
}

async function readAll(handles: readonly string[]): Promise<(string | undefined)[]> {
  const revisions: (string | undefined)[] = []
  for (const handle of handles) revisions.push((await home?.load(handle, budget()))?.revision)
  return revisions
}

/** Does to shared sessions what requests do, at random, and notes it. */
class Driver {
  readonly events: SessionEvent[] = []
  readonly failures: Record<string, number> = {}
  readonly slowest: Record<string, number> = {}
  readonly #home: SessionHome
  readonly #isInStep: () => boolean
  /** A session that is gone has a successor under the next number. */
  readonly #generations = new Array<number>(slots).fill(0)

  constructor(to: SessionHome, isInStep: () => boolean) {
    this.#home = to
    this.#isInStep = isInStep
  }

  async run(): Promise<void> {
    while (!stopped) {
      await this.#step(Math.floor(Math.random() * slots))
      await pause(Math.random() * 10)
    }
  }

  async #step(slot: number): Promise<void> {
    const generation = this.#generations[slot] ?? 0
    const handle = handleOf(slot, generation)
    const kind = Math.random()
    if (kind < 0.15) return void (await this.#read(handleOf(slot, generation - 1 - Math.floor(Math.random() * 3))))
    const record = await this.#read(handle)
    if (record === undefined) return
    if (record === 'none') await this.#succeed(slot, generation)
    else if (kind < 0.4) await this.#replace(handle, record)
    else if (kind < 0.45) await this.#timed('touch', () => this.#home.touch(handle, record, minute, budget()))
    else if (kind < 0.48) await this.#destroy(handle)
    else if (kind < 0.51 && (await this.#succeed(slot, generation))) await this.#destroy(handle)
  }

  async #succeed(slot: number, generation: number): Promise<boolean> {
    // Of two that give a session a successor one creates it, and the other has to find it there.
    this.#generations[slot] = generation + 1
    const handle = handleOf(slot, generation + 1)
    return await this.#change('write', 'create', handle, 1, (within) =>
      this.#home.create(handle, recordOf(1), minute, within),
    )
  }

  async #replace(handle: string, { revision, json }: LivingRecord): Promise<void> {
    const version = versionOf(json) + 1
    await this.#change('write', 'replace', handle, version, async (within) => {
      const replaced = await this.#home.replace(handle, recordOf(version), minute, revision, within)
      return replaced.kind === 'stored'
    })
  }

  async #destroy(handle: string): Promise<void> {
    await this.#change('destroy', 'destroy', handle, undefined, async (within) => {
      await this.#home.destroy(handle, undefined, within)
      return true
    })
  }

  /** What is there, `none`, or undefined where the call failed. */
  async #read(handle: string): Promise<LivingRecord | 'none' | undefined> {
    const start = now()
    const found = await this.#timed('load', () => this.#home.load(handle, budget()))
    if (found === 'failed') return undefined
    const version = found && versionOf(found.json)
    this.events.push({
      process: process_,
      handle,
      kind: 'read',
      start,
      end: now(),
      version,
      acknowledged: true,
      told: true,
    })
    return found ?? 'none'
  }

  async #change(
    kind: 'write' | 'destroy',
    name: string,
    handle: string,
    version: number | undefined,
    change: (within: Budget) => Promise<boolean>,
  ): Promise<boolean> {
    const start = now()
    const within = budget()
    const acknowledged = (await this.#timed(name, () => change(within))) === true
    const told = within.left > 0 && this.#isInStep()
    this.events.push({ process: process_, handle, kind, start, end: now(), version, acknowledged, told })
    return acknowledged
  }

  async #timed<T>(name: string, call: () => Promise<T>): Promise<T | 'failed'> {
    const start = now()
    try {
      return await call()
    } catch (error) {
      const { code } = error as { code?: string }
      const what = `${name}: ${code ?? error}`
      this.failures[what] = (this.failures[what] ?? 0) + 1
      return 'failed'
    } finally {
      this.slowest[name] = Math.max(this.slowest[name] ?? 0, now() - start)
    }
  }
}

function handleOf(slot: number, generation: number): string {
  return `slot-${slot}-${generation}`
}

function recordOf(version: number) {
  const revision = `${process_}-${version}-${Math.random().toString(36).slice(2)}`
  return { json: JSON.stringify({ version }), user: undefined, createdAt: Date.now(), revision }
}

function versionOf(json: string): number {
  return (JSON.parse(json) as { version: number }).version
}

function budget(): Budget {
  return new Budget(200)
}
