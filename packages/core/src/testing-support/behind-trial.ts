import { createGroupedKeySpace } from '../entry/key.ts'
import type { BehindOptions } from '../options/behind-options.ts'
import type { NamespaceOptions } from '../options/namespace-options.ts'
import { SimulatedLedger } from './simulated-ledger.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { type Choice, type Step, World } from './simulated-world.ts'
import { settle } from './stepping-clock.ts'

const space = createGroupedKeySpace('shop', 'product', 0, 1)
const [group] = space.groups

/** What may go wrong with Redis besides what always may. */
export interface BehindTroubles {
  readonly losesData: boolean
  readonly kills: boolean
}

/** Three processes that write behind, to one Redis and one source. */
export class BehindTrial<V> {
  readonly world = new World()
  readonly ledger = new SimulatedLedger<V>(this.world)
  readonly processes: readonly SimulatedProcess<V>[]
  /** Operations that waited in Redis, or were parked there, when it lost its data. */
  readonly lost = new Set<string>()
  readonly violations: string[] = []
  readonly #bound: number
  readonly #mostParked: number

  constructor(
    troubles: BehindTroubles,
    behind: BehindOptions<V>,
    options: (process: () => SimulatedProcess<V>) => Partial<NamespaceOptions<V>>,
  ) {
    const { world, ledger } = this
    this.#mostParked = behind.maxParked ?? Number.POSITIVE_INFINITY
    this.#bound = behind.maxWaiting ?? Number.POSITIVE_INFINITY
    this.processes = ['A', 'B', 'C'].map((name) => {
      const process: SimulatedProcess<V> = new SimulatedProcess<V>(world, name, {
        ...{ write: 'behind', ttl: '1d', negativeTtl: '1d', ttlJitter: 0, earlyExpiration: false, compression: false },
        behind,
        // Whoever is killed calls nobody any more.
        saveMany: (operations) => (process.dead ? new Promise(() => {}) : ledger.saveMany(name, operations)),
        ...options(() => process),
      })
      return process
    })
    world.onPublish = (message) => {
      for (const process of this.processes) process.hear(message)
    }
    world.troubles.push(() => [this.#turn()])
    world.troubles.push(() => this.#evictions())
    world.troubles.push(() => this.living.map((process) => this.#partition(process)))
    if (troubles.losesData) world.troubles.push(() => [{ what: 'Redis loses its data', run: () => this.#lose() }])
    if (troubles.kills) world.troubles.push(() => this.#kills())
  }

  get living(): SimulatedProcess<V>[] {
    return this.processes.filter(({ dead }) => !dead)
  }

  /** How many operations wait in Redis. */
  get depth(): number {
    return this.world.streams.stream(group?.stream ?? '')?.entries.size ?? 0
  }

  /** What is parked: the fields of each operation. */
  get parked(): Map<string, string>[] {
    return this.world.streams.parked(group?.parked ?? '').map((fields) => {
      const pairs = new Map<string, string>()
      for (let index = 0; index + 1 < fields.length; index += 2)
        pairs.set(String(fields[index]), String(fields[index + 1]))
      return pairs
    })
  }

  /** Takes what is begun into the schedule, and follows it. */
  async follow(begins: readonly Step[], choices: readonly Choice[]): Promise<void> {
    // The order is given, so that a smaller counterexample is still one; the moments are not.
    const order = {}
    for (const begin of begins) this.world.add({ ...begin, lane: order })
    for (const choice of choices) {
      const { depth } = this
      await this.world.follow(choice)
      // The operations of one tick go in together, or not at all.
      if (depth >= this.#bound && this.depth > depth) this.violations.push(`${this.depth} operations wait`)
    }
  }

  /** Everything is well again. Resolves when nothing waits any more and `isSettled`; what is parked needs others that are saved. */
  async comeToRest(isSettled: () => boolean, saveAnother: () => void): Promise<void> {
    const { world } = this
    world.reluctance = undefined
    world.redis.full = false
    for (const process of this.living) process.recover()
    const isAtRest = () => isSettled() && this.depth === 0 && this.living.every((one) => one.pendingInvalidations === 0)
    for (let round = 0; round < 30; round++) {
      if (await world.restUntil(isAtRest, 2_000)) return
      // Where what is rejected fills the stream, nothing else is saved beside it; where it fills what is parked, it stays. Somebody
      // has to mend the source.
      if (this.depth >= this.#bound || this.parked.length >= this.#mostParked) this.ledger.rejected.clear()
      saveAnother()
    }
    throw new Error(`${this.depth} operations still wait; all settled: ${isSettled()}`)
  }

  /** What should be gone with the last operation, and is not. */
  leftovers(): string[] {
    const { world } = this
    const left: string[] = []
    const pending = world.streams.stream(group?.stream ?? '')?.group?.pending.size ?? 0
    if (pending > 0) left.push(`${pending} entries are handed out and gone`)
    const booked = world.streams.hash(group?.waiting ?? '')
    if (booked !== undefined) left.push(`booked as waiting: ${JSON.stringify([...booked])}`)
    return left
  }

  /** Ends all of them, and answers what they leave behind. */
  async end(): Promise<string[]> {
    const left: string[] = []
    let ended = 0
    const all = this.living.map(async (process) => {
      const { timers, underWay } = await process.end()
      ended += 1
      if (timers > 0) left.push(`${process.name} leaves ${timers} timers`)
      if (underWay) left.push(`${process.name} leaves reads or writes under way`)
    })
    await this.world.restUntil(() => ended === all.length, 60_000)
    await settle()
    await this.world.calm()
    if (ended < all.length) left.push('somebody does not end')
    if (this.world.clock.pending > 0) left.push(`${this.world.clock.pending} timers are left`)
    return left
  }

  close(): void {
    for (const process of this.processes) process.close()
  }

  #turn(): Step {
    const { redis } = this.world
    const what = redis.full ? 'Redis has room again' : 'Redis is full'
    const run = () => {
      redis.full = !redis.full
    }
    return { what, run }
  }

  #evictions(): Step[] {
    const { redis } = this.world
    return [group?.lock ?? '', ...['a', 'b'].flatMap((key) => [space.value(key), space.lease(key)])]
      .filter((name) => redis.get(name) !== null)
      .map((name) => ({ what: `Redis forgets ${name}`, run: () => redis.evict(name) }))
  }

  #partition(process: SimulatedProcess<V>): Step {
    const what = process.parted ? `${process.name} reaches Redis again` : `${process.name} is cut off from Redis`
    const run = () => {
      process.parted = !process.parted
    }
    return { what, run }
  }

  #kills(): Step[] {
    if (this.living.length === 1) return []
    return this.living.map((process) => ({ what: `${process.name} is killed`, run: () => process.die() }))
  }

  #lose(): void {
    const { streams } = this.world
    const entries = streams.stream(group?.stream ?? '')?.entries.values() ?? []
    for (const { fields } of entries) this.lost.add(String(fields[1]))
    for (const fields of this.parked) this.lost.add(fields.get('o') ?? '')
    streams.flush()
  }
}
