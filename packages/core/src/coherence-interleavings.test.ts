import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createCodec } from './entry/codec.ts'
import { createKeySpace } from './entry/key.ts'
import { cascade } from './options/policy.ts'
import { lasting, SimulatedProcess } from './testing-support/simulated-process.ts'
import { type Choice, type Row, World } from './testing-support/simulated-world.ts'
import { settle } from './testing-support/stepping-clock.ts'

interface Operation {
  readonly kind: 'get' | 'set' | 'remove'
  readonly process: number
  readonly key: string
}

const processNames = ['A', 'B', 'C']
const keys = createKeySpace('shop', 'product', 0)
const codec = createCodec<string>(cascade({ compression: false }), undefined)

/** Does what the operations say, and remembers what each process must not answer any more. */
class Trial {
  readonly world = new World()
  readonly processes: readonly SimulatedProcess[]
  readonly violations: string[] = []
  readonly #oldestAllowed = new Map<string, number>()
  #written = 0

  constructor(operations: readonly Operation[]) {
    this.processes = processNames.map((name) => new SimulatedProcess(this.world, name, lasting(this.world)))
    this.world.onPublish = (message) => {
      for (const process of this.processes) process.hear(message)
    }
    // The order is given, so that a smaller counterexample is still one; the moments are not.
    const order = {}
    for (const { kind, process, key } of operations) {
      const { name } = this.#processAt(process)
      this.world.add({
        what: `${name} begins ${kind} ${key}`,
        lane: order,
        run: () => void this.#begin(kind, process, key),
      })
    }
    this.world.troubles.push(() => this.#troublesOfRedis(['a', 'b']))
  }

  async run(choices: readonly Choice[]): Promise<void> {
    for (const choice of choices) await this.world.follow(choice)
    this.world.redis.full = false
    for (const process of this.processes) process.recover()
    await this.world.rest()
  }

  /** What Redis holds under a key, as a process would read it. */
  async inRedis(key: string): Promise<{ readonly row: Row } | undefined> {
    const bytes = this.world.redis.get(keys.value(key))
    if (bytes === null) return undefined
    const entry = await codec.decode(bytes)
    if (typeof entry === 'string') throw new Error(`Redis holds what nobody can read: ${entry}`)
    return { row: entry.value }
  }

  async answerOf(process: SimulatedProcess, key: string): Promise<Row> {
    const answer = process.namespace.get(key)
    answer.catch(() => {})
    await this.world.rest()
    return await answer
  }

  close(): void {
    for (const process of this.processes) process.close()
  }

  #begin(kind: Operation['kind'], index: number, key: string): Promise<void> {
    const process = this.#processAt(index)
    if (kind === 'get') return this.#get(process, key)
    return kind === 'set' ? this.#set(process, key) : this.#remove(process, key)
  }

  async #get(process: SimulatedProcess, key: string): Promise<void> {
    const place = `${process.name} ${key}`
    const oldest = this.#oldestAllowed.get(place) ?? 0
    try {
      const row = await process.namespace.get(key)
      this.world.log.push(`${process.name} gets ${key} = ${row}`)
      if (this.#lastAge(key, row) >= oldest) return
      this.violations.push(`${process.name} answers ${key} = ${row} after its own write of something newer`)
    } catch {
      // The source was down, and nothing else may be answered.
    }
  }

  async #set(process: SimulatedProcess, key: string): Promise<void> {
    this.#written += 1
    const row = `${key}${this.#written}`
    try {
      await process.namespace.set(key, row)
      this.world.log.push(`${process.name} has set ${key} = ${row}`)
    } catch {
      this.world.log.push(`${process.name} could not set ${key} = ${row}`)
    }
    // It may have reached the source, though it failed.
    this.#forbidOlder(process, key, this.#lastAge(key, row))
  }

  async #remove(process: SimulatedProcess, key: string): Promise<void> {
    const age = this.world.source.change(key, undefined)
    await process.namespace.delete(key)
    this.world.log.push(`${process.name} has removed ${key}`)
    this.#forbidOlder(process, key, age)
  }

  #forbidOlder(process: SimulatedProcess, key: string, age: number): void {
    const place = `${process.name} ${key}`
    this.#oldestAllowed.set(place, Math.max(age, this.#oldestAllowed.get(place) ?? 0))
  }

  /** When the source last said so; -1 where it never did. */
  #lastAge(key: string, row: Row): number {
    return this.world.source.historyOf(key).lastIndexOf(row)
  }

  #processAt(index: number): SimulatedProcess {
    const process = this.processes[index % this.processes.length]
    if (process === undefined) throw new Error('there are processes')
    return process
  }

  #troublesOfRedis(held: readonly string[]) {
    const { redis } = this.world
    const turn = {
      what: redis.full ? 'Redis has room again' : 'Redis is full',
      run: () => {
        redis.full = !redis.full
      },
    }
    const evictions = held
      .flatMap((key) => [keys.value(key), keys.lease(key)])
      .filter((key) => redis.get(key) !== null)
      .map((key) => ({ what: `Redis evicts ${key}`, run: () => redis.evict(key) }))
    return [turn, ...evictions]
  }
}

const operation: fc.Arbitrary<Operation> = fc.record({
  kind: fc.constantFrom('get', 'set', 'remove', 'get', 'set'),
  process: fc.nat(2),
  key: fc.constantFrom('a', 'a', 'a', 'b'),
})
const choice: fc.Arbitrary<Choice> = fc.record({ pick: fc.nat(59), wrong: fc.nat(7).map((number) => number === 7) })
const schedule = fc.tuple(
  fc.array(operation, { minLength: 2, maxLength: 12 }),
  fc.array(choice, { maxLength: 160, size: 'max' }),
)

async function assertCoherence(operations: readonly Operation[], choices: readonly Choice[]): Promise<void> {
  const trial = new Trial(operations)
  try {
    await trial.run(choices)
    for (const { pendingInvalidations } of trial.processes) expect(pendingInvalidations).toBe(0)
    for (const key of ['a', 'b']) {
      const latest = { row: trial.world.source.latest(key) }
      const held = await trial.inRedis(key)
      if (held !== undefined) expect({ key, held }).toEqual({ key, held: latest })
      for (const process of trial.processes) {
        const row = await trial.answerOf(process, key)
        expect({ process: process.name, key, row }).toEqual({ process: process.name, key, ...latest })
      }
    }
    expect(trial.violations).toEqual([])
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n  ${trial.world.log.join('\n  ')}`)
  } finally {
    trial.close()
    await settle()
  }
}

test('in whatever order things happen and fail, nobody is left with a value older than that of the source', async () => {
  const numRuns = Number(process.env['INTERLEAVINGS'] ?? 400)
  await fc.assert(
    fc.asyncProperty(schedule, ([operations, choices]) => assertCoherence(operations, choices)),
    { numRuns },
  )
}, 600_000)
