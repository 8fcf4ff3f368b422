import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createKeySpace } from './entry/key.ts'
import { choicesOf, conditionsOf, draws, runsOf } from './testing-support/schedules.ts'
import { lasting, SimulatedProcess } from './testing-support/simulated-process.ts'
import { type Choice, type Row, type Step, World } from './testing-support/simulated-world.ts'
import { settle } from './testing-support/stepping-clock.ts'

type Kind = 'get' | 'forget' | 'spoil' | 'end'

interface Operation {
  readonly kind: Kind
  readonly process: number
}

/** How a get may fail: the source failed, was slow, or is left alone, or the cache is closed. */
const allowed = /^(Error|LoadTimeoutError|SourceUnavailableError|CacheClosedError|AbortError)$/
const key = 'key'
const keys = createKeySpace('shop', 'product', 0)

class Trial {
  readonly world = new World()
  readonly processes: readonly SimulatedProcess[]
  readonly faults: string[] = []
  /** Who waits for an answer. */
  readonly #asking: SimulatedProcess[] = []
  readonly #loading: { readonly process: SimulatedProcess; readonly signal: AbortSignal }[] = []
  #leasesLost = 0
  readonly #ends = new Map<SimulatedProcess, 'under way' | 'over'>()

  constructor() {
    const { world } = this
    this.processes = ['A', 'B', 'C'].map((name) => {
      const process: SimulatedProcess = new SimulatedProcess(world, name, {
        ...lasting(world),
        load: (key, { signal }) => this.#load(process, key, signal),
        lease: { ttl: '2s', wait: '5m' },
      })
      return process
    })
    world.onPublish = (message) => {
      for (const process of this.processes) process.hear(message)
    }
    world.troubles.push(
      () => this.#troublesOfRedis(),
      () => this.#kills(),
    )
    world.source.change(key, 'row')
  }

  async run(operations: readonly Operation[], choices: readonly Choice[]): Promise<void> {
    const { world } = this
    const order = {}
    for (const { kind, process: index } of operations) {
      const process = this.processes[index] ?? this.#living[0]
      if (process !== undefined)
        world.add({ what: `${process.name} begins ${kind}`, lane: order, run: () => this.#begin(kind, process) })
    }
    for (const choice of choices) await world.follow(choice)
    world.reluctance = undefined
    world.redis.full = false
    for (const process of this.#living) process.recover()
    for (const process of this.#living) this.#end(process)
    const asking = () => this.#asking.filter(({ dead }) => !dead).map(({ name }) => name)
    const isOver = () => asking().length === 0 && this.#living.every((process) => this.#ends.get(process) === 'over')
    await world.restUntil(isOver, 60_000)
    await settle()
    await world.calm()
    if (!isOver()) this.faults.push(`no end for ${asking()}`)
    if (world.clock.pending > 0) this.faults.push(`${world.clock.pending} timers are left`)
    for (const { name, namespace } of this.#living) if (namespace.busy) this.faults.push(`${name} is not done`)
  }

  close(): void {
    for (const process of this.processes) process.close()
  }

  get #living(): SimulatedProcess[] {
    return this.processes.filter(({ dead }) => !dead)
  }

  /** What may have let another load the same key: leases that are gone, and Redis that did not answer or refused. */
  get #excuses(): number {
    const { redis } = this.world
    const killed = this.processes.length - this.#living.length
    const unheard = this.processes.reduce((sum, { unanswered, refused }) => sum + unanswered + refused, 0)
    return this.#leasesLost + redis.expired + killed + unheard
  }

  async #load(process: SimulatedProcess, key: string, signal: AbortSignal): Promise<Row> {
    if (process.dead) return new Promise(() => {})
    // Whoever gave up gave its lease back.
    const load = { process, signal }
    this.#loading.push(load)
    const running = this.#loading.filter((one) => !one.process.dead && !one.signal.aborted)
    if (running.length > 1 + this.#excuses)
      this.faults.push(`${running.map(({ process: { name } }) => name)} load at once`)
    try {
      return await this.world.source.load(key)
    } finally {
      this.#loading.splice(this.#loading.indexOf(load), 1)
    }
  }

  #begin(kind: Kind, process: SimulatedProcess): void {
    const { redis } = this.world
    if (process.dead) return
    if (kind === 'get') void this.#get(process)
    else if (kind === 'forget') {
      // It voids the lease.
      this.#leasesLost += 1
      process.namespace.delete(key).catch(() => {})
    } else if (kind === 'spoil') {
      if (!redis.full) redis.set(keys.value(key), 'PL\u0001 what nobody has written')
    } else this.#end(process)
  }

  #end(process: SimulatedProcess): void {
    if (this.#ends.has(process)) return
    this.#ends.set(process, 'under way')
    void process.end().then(({ timers, underWay }) => {
      this.#ends.set(process, 'over')
      // What still runs then is the source's, and its answer goes nowhere.
      if (timers > 0 && !underWay) this.faults.push(`${process.name} leaves ${timers} timers`)
    })
  }

  async #get(process: SimulatedProcess): Promise<void> {
    this.#asking.push(process)
    const outcome = await process.namespace.get(key).catch((error: Error) => error)
    this.#asking.splice(this.#asking.indexOf(process), 1)
    this.world.log.push(`${process.name} gets ${outcome}`)
    const isFailure = outcome instanceof Error && allowed.test(outcome.name)
    if (outcome !== 'row' && !isFailure) this.faults.push(`${process.name} answers ${outcome}`)
  }

  #troublesOfRedis(): Step[] {
    const { redis } = this.world
    const what = redis.full ? 'Redis has room again' : 'Redis is full'
    const turn = () => {
      redis.full = !redis.full
    }
    const evict = (name: string) => () => {
      if (name === keys.lease(key)) this.#leasesLost += 1
      redis.evict(name)
    }
    const evictions = [keys.value(key), keys.lease(key)]
      .filter((name) => redis.get(name) !== null)
      .map((name) => ({ what: `Redis evicts ${name}`, run: evict(name) }))
    return [{ what, run: turn }, ...evictions]
  }

  #kills(): Step[] {
    if (this.#living.length === 1) return []
    return this.#living.map((process) => ({ what: `${process.name} is killed`, run: () => process.die() }))
  }
}

const schedule = fc.record({
  operations: fc.array(
    fc.record({
      kind: fc.constantFrom<Kind[]>('get', 'get', 'get', 'get', 'get', 'get', 'forget', 'spoil', 'end'),
      process: fc.nat(2),
    }),
    { minLength: 2, maxLength: 10 },
  ),
  conditions: conditionsOf(
    'source answers',
    'source reads',
    'acquireLease answered',
    'GET answered',
    'renewLease',
    'hears',
  ),
  draws,
})

test('in whatever order things happen, fail and end: one load a key under a live lease, no rubbish answered, nothing left behind', async () => {
  const property = fc.asyncProperty(schedule, async ({ operations, conditions, draws }) => {
    const trial = new Trial()
    try {
      trial.world.reluctance = conditions.reluctance
      await trial.run(operations, choicesOf(draws, conditions.faultsInAThousand))
      expect(trial.faults.join('\n')).toBe('')
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}\n  ${trial.world.log.join('\n  ')}`)
    } finally {
      trial.close()
      await settle()
    }
  })
  await fc.assert(property, { numRuns: runsOf(0.2) })
}, 600_000)
