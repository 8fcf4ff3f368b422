import fc from 'fast-check'
import { expect, test } from 'vitest'
import { GenerationTable, parseGenerations } from './coherence/generation-table.ts'
import { type Codec, createCodec } from './entry/codec.ts'
import { CopyNames } from './entry/copy-names.ts'
import { createKeySpace } from './entry/key.ts'
import type { NamespaceOptions } from './options/namespace-options.ts'
import { cascade } from './options/policy.ts'
import { choicesOf, conditionsOf, draws, runsOf } from './testing-support/schedules.ts'
import { lasting, SimulatedProcess } from './testing-support/simulated-process.ts'
import { type Choice, type Row, World } from './testing-support/simulated-world.ts'
import { settle } from './testing-support/stepping-clock.ts'

type Kind =
  | ('get' | 'set' | 'remove' | 'setMany' | 'removeMany' | 'update' | 'invalidateTag' | 'clear')
  // Of somebody who does not use the SDK, and of Redis.
  | ('foreign change' | 'eviction' | 'eviction of the lease')

interface Operation {
  readonly kind: Kind
  readonly process: number
}

/** What a namespace may be told about its values. */
type Variant = 'plain' | 'versioned' | 'tagged' | 'tagged and versioned' | 'copied' | 'tagged and copied' | 'tracked'

const processNames = ['A', 'B', 'C']
/** One key: what happens to another one is nothing to it. */
const key = 'key'
const keys = createKeySpace('shop', 'product', 0)
const tag = 'tag'
const copies = new CopyNames('shop', 'product', 1).of(key)
const numberOf = (row: string) => Number(row.slice('row '.length))

/** Does what the operations say, and remembers what each process must not answer any more. */
class Trial {
  readonly world = new World()
  readonly processes: readonly SimulatedProcess[]
  readonly violations: string[] = []
  readonly #oldestAllowed = new Map<string, number>()
  readonly #codec: Codec<string>
  #written = 0

  constructor(variant: Variant) {
    const isTagged = variant.startsWith('tagged')
    const options: Partial<NamespaceOptions<string>> = {
      ...lasting(this.world),
      ...(isTagged ? { tags: () => [tag] } : {}),
      ...(variant.endsWith('versioned') ? { version: numberOf } : {}),
      // From the first read on a key is hot.
      ...(variant.endsWith('copied') ? { copies: { count: copies.length, beyond: 1 } } : {}),
    }
    // A source that gives rows their versions does not take an older one back.
    if (variant.endsWith('versioned')) this.world.source.orderOf = numberOf
    this.#codec = createCodec<string>(cascade({ compression: false }), undefined, undefined, isTagged)
    const tracks = variant === 'tracked'
    this.processes = processNames.map((name) => new SimulatedProcess(this.world, name, options, tracks))
    if (tracks) {
      this.world.onTouched = (redisKey) => {
        for (const process of this.processes) process.hearOf(redisKey)
      }
    }
    this.world.onPublish = (message) => {
      for (const process of this.processes) process.hear(message)
    }
    this.world.troubles.push(() => this.#troublesOfRedis())
  }

  async warm(): Promise<void> {
    for (const process of this.processes) await this.answerOf(process)
  }

  async run(operations: readonly Operation[], choices: readonly Choice[]): Promise<void> {
    // The order is given, so that a smaller counterexample is still one; the moments are not.
    const order = {}
    for (const { kind, process } of operations) {
      const { name } = this.#processAt(process)
      const begin = () => void this.#begin(kind, process)
      this.world.add({ what: `${name} begins ${kind}`, lane: order, run: begin })
    }
    for (const choice of choices) await this.world.follow(choice)
    this.world.redis.full = false
    for (const process of this.processes) process.recover()
    await this.world.rest()
    // A source that has just failed is left alone for a second, and a reserve may serve meanwhile.
    await this.world.clock.advance(1_000)
  }

  /** What Redis holds under a key, as a process would read it. */
  async inRedis(name: string): Promise<{ readonly row: Row } | undefined> {
    const bytes = this.world.redis.get(name)
    if (bytes === null) return undefined
    const entry = await this.#codec.decode(bytes)
    if (typeof entry === 'string') throw new Error(`Redis holds what nobody can read: ${entry}`)
    // What nobody believes may be as old as it likes.
    const isBelieved = entry.stampsAt === 0 || this.#isCurrent(bytes, entry.stampsAt)
    return isBelieved ? { row: entry.value } : undefined
  }

  #isCurrent(bytes: Buffer, stampsAt: number): boolean {
    const held = this.world.redis.get(keys.generations)
    if (held === null) return false
    const table = new GenerationTable()
    const { identity, counts } = parseGenerations(held)
    table.replace(identity)
    for (const [slot, count] of counts) table.set(slot, count)
    return table.isCurrent(bytes, stampsAt)
  }

  async answerOf(process: SimulatedProcess): Promise<Row> {
    const answer = process.namespace.get(key)
    answer.catch(() => {})
    await this.world.rest()
    return await answer
  }

  close(): void {
    for (const process of this.processes) process.close()
  }

  #begin(kind: Operation['kind'], index: number): Promise<void> {
    const process = this.#processAt(index)
    const { namespace } = process
    switch (kind) {
      case 'get':
        return this.#get(process)
      case 'set':
        return this.#set(process, (row) => namespace.set(key, row))
      case 'setMany':
        return this.#set(process, (row) =>
          namespace.setMany([
            [key, row],
            ['other', row],
          ]),
        )
      case 'update':
        return this.#set(process, (row) => namespace.update(key, () => row, { wait: '1s' }))
      case 'remove':
        return this.#change(process, undefined, () => namespace.delete(key))
      case 'removeMany':
        return this.#change(process, undefined, () => namespace.deleteMany([key, 'other']))
      case 'foreign change':
        return this.#changeByAnother()
      case 'eviction':
      case 'eviction of the lease':
        this.world.redis.evict(kind === 'eviction' ? keys.value(key) : keys.lease(key))
        return Promise.resolve()
      case 'clear':
        return this.#change(process, this.#nextRow(), () => namespace.clear())
      case 'invalidateTag':
        return this.#change(process, this.#nextRow(), () => namespace.invalidateTag(tag))
    }
  }

  #nextRow(): string {
    this.#written += 1
    return `row ${this.#written}`
  }

  async #get(process: SimulatedProcess): Promise<void> {
    const oldest = this.#oldestAllowed.get(process.name) ?? 0
    try {
      const row = await process.namespace.get(key)
      this.world.log.push(`${process.name} gets ${row}`)
      if (this.#lastAge(row) >= oldest) return
      this.violations.push(`${process.name} answers ${row} after its own write of something newer`)
    } catch {
      // The source was down, and nothing else may be answered.
    }
  }

  async #set(process: SimulatedProcess, write: (row: string) => Promise<unknown>): Promise<void> {
    const row = this.#nextRow()
    try {
      await write(row)
      this.world.log.push(`${process.name} has set ${row}`)
    } catch (error) {
      this.world.log.push(`${process.name} could not set ${row}: ${error instanceof Error ? error.name : error}`)
    }
    // It may have reached the source, though it failed.
    this.#forbidOlder(process, this.#lastAge(row))
  }

  /** The source is changed by somebody else, who then says so. */
  async #change(process: SimulatedProcess, row: Row, tell: () => Promise<void>): Promise<void> {
    const age = this.world.source.change(key, row)
    await tell()
    this.world.log.push(`${process.name} has told of ${row}`)
    this.#forbidOlder(process, age)
  }

  /** Who tells nobody, but deletes what is cached of it some time after, as `docs/writing.md` has it. */
  async #changeByAnother(): Promise<void> {
    const row = this.#nextRow()
    this.world.source.change(key, row)
    this.world.log.push(`somebody has written ${row} to the source`)
    const run = () => this.world.redis.evict(keys.value(key), keys.lease(key))
    this.world.add({ what: 'somebody deletes it from Redis', run })
  }

  #forbidOlder(process: SimulatedProcess, age: number): void {
    this.#oldestAllowed.set(process.name, Math.max(age, this.#oldestAllowed.get(process.name) ?? 0))
  }

  /** When the source last said so; -1 where it never did. */
  #lastAge(row: Row): number {
    return this.world.source.historyOf(key).lastIndexOf(row)
  }

  #processAt(index: number): SimulatedProcess {
    const process = this.processes[index % this.processes.length]
    if (process === undefined) throw new Error('there are processes')
    return process
  }

  #troublesOfRedis() {
    const { redis } = this.world
    const turn = {
      what: redis.full ? 'Redis has room again' : 'Redis is full',
      run: () => {
        redis.full = !redis.full
      },
    }
    const ofCopies = copies.flatMap(({ value, lease }) => [value, lease])
    const evictions = [keys.value(key), keys.lease(key), keys.update(key).lease, keys.generations, ...ofCopies]
      .filter((name) => redis.get(name) !== null)
      .map((name) => ({ what: `Redis evicts ${name}`, run: () => redis.evict(name) }))
    return [turn, ...evictions]
  }
}

const writes: readonly Kind[] = ['set', 'remove', 'setMany', 'removeMany', 'update']
const operation = (...kinds: readonly Kind[]): fc.Arbitrary<Operation> =>
  fc.record({
    kind: fc.constantFrom<Kind[]>(...kinds),
    process: fc.oneof(fc.constant(0), fc.nat(2)),
  })
const conditions = conditionsOf(
  'source answers',
  'source has written',
  'source writes',
  'placeIntent',
  'storeWrite',
  'storeUnderLease',
  'invalidate',
  'acquireLease answered',
  'GET answered',
  'hears',
  'countGenerations',
  'replaceGenerations',
  'readGenerations',
  'invalidateMany',
  'publish',
  'unlink',
)
/** Whether the source has a row before, and whether every process has read it. */
const start = fc.constantFrom('no row', 'a row', 'a row that all have read')
const schedule = (...kinds: readonly Kind[]) =>
  fc.record({
    operations: fc.array(operation(...kinds), { minLength: 2, maxLength: 8 }),
    conditions,
    start,
    draws,
  })
type Schedule = ReturnType<typeof schedule> extends fc.Arbitrary<infer S> ? S : never

async function assertCoherence(variant: Variant, { operations, conditions, start, draws }: Schedule): Promise<void> {
  const trial = new Trial(variant)
  try {
    if (start !== 'no row') trial.world.source.change(key, 'row 0')
    if (start === 'a row that all have read') await trial.warm()
    trial.world.reluctance = conditions.reluctance
    // What Redis does not take it cannot tell of: only the ttl ends that, and here it is long.
    const faultsInAThousand = variant === 'tracked' ? 0 : conditions.faultsInAThousand
    await trial.run(operations, choicesOf(draws, faultsInAThousand))
    for (const { pendingInvalidations } of trial.processes) expect(pendingInvalidations).toBe(0)
    const latest = { row: trial.world.source.latest(key) }
    for (const name of [keys.value(key), ...copies.map(({ value }) => value)]) {
      const held = await trial.inRedis(name)
      if (held !== undefined) expect({ [name]: held }).toEqual({ [name]: latest })
    }
    for (const process of trial.processes) {
      const row = await trial.answerOf(process)
      expect({ process: process.name, row }).toEqual({ process: process.name, ...latest })
    }
    expect(trial.violations).toEqual([])
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n  ${trial.world.log.join('\n  ')}`)
  } finally {
    trial.close()
    await settle()
  }
}

test.each<[Variant, readonly Kind[], number]>([
  ['plain', ['get', 'set', 'remove', 'get', 'set'], 1],
  ['plain', ['get', 'get', 'get', ...writes], 0.4],
  ['versioned', ['get', 'get', 'get', ...writes], 0.4],
  ['tagged', ['get', 'get', 'get', 'clear', 'clear', 'invalidateTag', 'invalidateTag', 'set', 'remove'], 0.6],
  ['tagged', ['get', 'get', 'invalidateTag'], 0.4],
  ['copied', ['get', 'get', 'get', 'get', ...writes], 1],
  ['tagged and copied', ['get', 'get', 'get', 'clear', 'invalidateTag', ...writes], 0.4],
  ['tracked', ['get', 'get', 'foreign change', 'eviction', 'eviction of the lease'], 0.6],
  ['tracked', ['get', 'get', 'get', 'foreign change', 'foreign change', 'eviction', ...writes], 0.6],
  ['tagged and versioned', ['get', 'get', 'get', 'clear', 'invalidateTag', ...writes], 0.4],
])(
  'in whatever order things happen and fail, nobody is left with a value older than that of the source: %s, %j',
  async (variant, kinds, share) => {
    const property = fc.asyncProperty(schedule(...kinds), (drawn) => assertCoherence(variant, drawn))
    await fc.assert(property, { numRuns: runsOf(share) })
  },
  600_000,
)
