import fc from 'fast-check'
import { test, vi } from 'vitest'
import { assertFaultless } from './testing-support/behind-schedules.ts'
import { BehindTrial, type BehindTroubles } from './testing-support/behind-trial.ts'
import type { SimulatedProcess } from './testing-support/simulated-process.ts'
import type { Choice } from './testing-support/simulated-world.ts'

// A batch of three is taken and acknowledged by several scripts, between which anything may happen.
vi.mock('./write-behind/script-bounds.ts', () => ({ mostTaken: 2, mostAcknowledged: 1 }))

type Kind = 'set' | 'set both' | 'get' | 'forget'

interface Operation {
  readonly kind: Kind
  readonly process: number
  readonly key: string
}

/** A value names the operation that has set it. Its number is its own sequence, where values have one. */
const nameOf = (number: number) => `op-${number}`
const numberOf = (value: string) => Number(value.slice('op-'.length))

/** One `set` that was asked for, whatever became of it. */
interface Asked {
  readonly key: string
  readonly process: SimulatedProcess<string>
  /** What had been answered of the key before. */
  readonly after: readonly string[]
  state: 'under way' | 'acknowledged' | 'refused'
}

const bad = 'bad'

class Trial {
  readonly behind: BehindTrial<string>
  readonly #hasSequence: boolean
  readonly #asked = new Map<string, Asked>()
  /** What had gone unanswered when the first of the reads began that run now, of each process and key. */
  readonly #reading = new Map<string, { readonly unanswered: number; readonly readers: number }>()
  /** By Redis's clock, in the order in which they came to wait. */
  readonly #sequences = new Map<string, number>()

  constructor(troubles: BehindTroubles, hasSequence: boolean) {
    this.#hasSequence = hasSequence
    this.behind = new BehindTrial<string>(
      troubles,
      {
        ...{ delay: 50, batch: 3, saveTimeout: '1s', attempts: 2, maxWaiting: 4, maxParked: 3 },
        ...(hasSequence ? { sequence: numberOf } : {}),
      },
      (process) => ({
        load: (key) =>
          process().dead ? new Promise(() => {}) : this.behind.ledger.load(() => this.behind.ledger.valueOf(key)),
      }),
    )
    this.behind.ledger.rejected.add(bad)
    this.behind.world.streams.onAppend = (id, sequence) => this.#sequences.set(id, sequence)
  }

  async run(operations: readonly Operation[], choices: readonly Choice[]): Promise<void> {
    const begins = operations.map((operation) => {
      const process = this.behind.processes[operation.process] ?? this.#survivor
      const what = `${process.name} begins ${operation.kind} ${operation.key}`
      return { what, run: () => this.#begin(operation, process) }
    })
    await this.behind.follow(begins, choices)
    const isSettled = () =>
      [...this.#asked.values()].every(({ state, process }) => process.dead || state !== 'under way')
    await this.behind.comeToRest(isSettled, () => this.#set(this.#survivor, 'another'))
  }

  /** What is wrong now that all is quiet. */
  async faults(): Promise<string[]> {
    const { behind } = this
    const faults = [...behind.violations, ...behind.leftovers()]
    const parked = new Set(behind.parked.map((fields) => fields.get('o') ?? ''))
    const isOut = (id: string) => parked.has(id) || behind.lost.has(id)
    for (const key of ['a', 'b']) {
      const kept = behind.ledger.valueOf(key)
      for (const [id, { key: own, state }] of this.#asked) {
        if (own !== key || state !== 'acknowledged' || isOut(id)) continue
        if (kept === undefined || this.#orderOf(kept) < this.#orderOf(id))
          faults.push(`${id} was acknowledged, and the source has ${kept} of ${key}`)
      }
      const asked = kept === undefined ? undefined : this.#asked.get(kept)
      if (kept !== undefined && asked?.key !== key) faults.push(`nobody set ${key} to ${kept}`)
    }
    // What was answered before another was begun is never above it.
    for (const [id, { after }] of this.#asked) {
      for (const earlier of after) {
        if (this.#orderOf(id) < this.#orderOf(earlier))
          faults.push(`${id} came after ${earlier}, and is ordered before it`)
      }
    }
    await behind.world.clock.advance(5_000)
    await behind.world.calm()
    for (const process of behind.living)
      for (const key of ['a', 'b']) faults.push(...(await this.#readAtRest(process, key)))
    return [...faults, ...(await behind.end())]
  }

  async #readAtRest(process: SimulatedProcess<string>, key: string): Promise<string[]> {
    let answer: { readonly value: unknown } | undefined
    process.namespace.get(key).then(
      (value) => {
        answer = { value }
      },
      (error: Error) => {
        answer = { value: error }
      },
    )
    await this.behind.world.restUntil(() => answer !== undefined, 15_000)
    const kept = this.behind.ledger.valueOf(key)
    return answer?.value === kept
      ? []
      : [`at rest ${process.name} reads ${answer?.value} of ${key}, and the source has ${kept}`]
  }

  #begin({ kind, key }: Operation, process: SimulatedProcess<string>): void {
    if (process.dead) return
    if (kind === 'get') void this.#get(process, key)
    else if (kind === 'forget') process.namespace.delete(key).catch(() => {})
    else {
      this.#set(process, key)
      if (kind === 'set both') this.#set(process, key === 'a' ? 'b' : 'a')
    }
  }

  #set(process: SimulatedProcess<string>, key: string): void {
    const id = nameOf(this.#asked.size)
    const after = [...this.#asked]
      .filter(([, one]) => one.key === key && one.state === 'acknowledged')
      .map(([own]) => own)
    const asked: Asked = { key, process, after, state: 'under way' }
    this.#asked.set(id, asked)
    void this.#send(id, asked)
  }

  async #send(id: string, asked: Asked): Promise<void> {
    try {
      await asked.process.namespace.set(asked.key, id, { id })
      asked.state = 'acknowledged'
    } catch {
      asked.state = 'refused'
    }
    this.behind.world.log.push(`${asked.process.name}: ${id} is ${asked.state}`)
  }

  async #get(process: SimulatedProcess<string>, key: string): Promise<void> {
    const own = [...this.#asked].filter(
      ([, one]) => one.key === key && one.process === process && one.state === 'acknowledged',
    )
    // Reads of a key share what the first of them has begun, and what Redis has not answered to it.
    const name = `${process.name} ${key}`
    const { unanswered, readers } = this.#reading.get(name) ?? { unanswered: process.unanswered, readers: 0 }
    this.#reading.set(name, { unanswered, readers: readers + 1 })
    const value = await process.namespace.get(key).catch((error: Error) => error)
    const left = (this.#reading.get(name)?.readers ?? 1) - 1
    if (left === 0) this.#reading.delete(name)
    else this.#reading.set(name, { unanswered, readers: left })
    this.behind.world.log.push(`${process.name} gets ${key} = ${value}`)
    // Without Redis the source's word is all there is.
    if (value instanceof Error || key === bad || process.unanswered > unanswered) return
    const parked = new Set(this.behind.parked.map((fields) => fields.get('o')))
    for (const [id] of own) {
      if (parked.has(id) || this.behind.lost.has(id)) continue
      if (value === undefined || this.#orderOf(value) < this.#orderOf(id))
        this.behind.violations.push(`${process.name} reads ${value} of ${key} after it has set ${id}`)
    }
  }

  #orderOf(id: string): number {
    return this.#hasSequence ? numberOf(id) : (this.#sequences.get(id) ?? Number.POSITIVE_INFINITY)
  }

  get #survivor(): SimulatedProcess<string> {
    const [first] = this.behind.living
    if (first === undefined) throw new Error('one process is never killed')
    return first
  }
}

const operation: fc.Arbitrary<Operation> = fc.record({
  kind: fc.constantFrom<Kind[]>('set', 'set', 'set', 'set both', 'get', 'get', 'forget'),
  process: fc.oneof(fc.constant(0), fc.nat(2)),
  key: fc.constantFrom('a', 'a', 'a', 'b', bad),
})

test.each<[string, BehindTroubles, boolean, number]>([
  ['processes live', { losesData: false, kills: false }, false, 0.06],
  ['processes are killed', { losesData: false, kills: true }, false, 0.06],
  ['Redis loses its data too', { losesData: true, kills: true }, false, 0.04],
  ['with a sequence of their own', { losesData: false, kills: false }, true, 0.06],
])(
  'in whatever order values are written, saved and fail, the last that was acknowledged stays: %s',
  (_, troubles, hasSequence, share) => assertFaultless(operation, share, () => new Trial(troubles, hasSequence)),
  600_000,
)
