import fc from 'fast-check'
import { test, vi } from 'vitest'
import { assertFaultless } from './testing-support/behind-schedules.ts'
import { BehindTrial, type BehindTroubles } from './testing-support/behind-trial.ts'
import type { SimulatedProcess } from './testing-support/simulated-process.ts'
import type { Choice } from './testing-support/simulated-world.ts'

// A batch of three is taken and acknowledged by several scripts, between which anything may happen.
vi.mock('./write-behind/script-bounds.ts', () => ({ mostTaken: 2, mostAcknowledged: 1 }))

type Kind = 'increment' | 'increment both' | 'try again' | 'get' | 'forget'

interface Operation {
  readonly kind: Kind
  readonly process: number
  readonly key: string
  readonly by: number
}

/** One operation that was asked for, whatever became of it. */
interface Asked {
  readonly key: string
  readonly by: number
  /** Who tried last. */
  process: SimulatedProcess<number>
  tries: number
  state: 'under way' | 'acknowledged' | 'refused'
  /** Whether a command of its process went unanswered meanwhile: it may have gone both ways. */
  doubtful: boolean
  /** Refused before the source had it. If it has it now, nobody could tell Redis. */
  isGivenUp?: boolean
}

// What a source that checks its rows takes none of.
const bad = 'bad'
const maxParked = 3

class Trial {
  readonly behind: BehindTrial<number>
  readonly #asked = new Map<string, Asked>()

  constructor(troubles: BehindTroubles) {
    this.behind = new BehindTrial<number>(
      troubles,
      { counters: true, delay: 50, batch: 3, saveTimeout: '1s', attempts: 2, maxWaiting: 4, maxParked },
      (process) => ({
        load: (key) =>
          process().dead ? new Promise(() => {}) : this.behind.ledger.load(() => this.behind.ledger.sumOf(key)),
      }),
    )
    this.behind.ledger.rejected.add(bad)
  }

  async run(operations: readonly Operation[], choices: readonly Choice[]): Promise<void> {
    const begins = operations.map((operation) => {
      const process = this.#processAt(operation.process)
      return {
        what: `${process.name} begins ${operation.kind} ${operation.key}`,
        run: () => this.#begin(operation, process),
      }
    })
    await this.behind.follow(begins, choices)
    const isSettled = () =>
      [...this.#asked.values()].every(({ state, process }) => process.dead || state !== 'under way')
    await this.behind.comeToRest(isSettled, () => this.#increment(this.#survivor, 'a', 1))
  }

  /** What is wrong now that all is quiet. */
  async faults(): Promise<string[]> {
    const { behind } = this
    const { ledger, lost, world } = behind
    const parked = new Map(behind.parked.map((fields) => [fields.get('o') ?? '', fields.get('reason')]))
    const faults = [...behind.violations, ...ledger.violations, ...behind.leftovers()]
    const missing: string[] = []
    for (const [id, { key, by, state }] of this.#asked) {
      const added = ledger.added.get(id)
      if (added !== undefined && (added.key !== key || added.by !== by))
        faults.push(`${id} was added as something else`)
      if (state === 'acknowledged' && added === undefined && !parked.has(id) && !lost.has(id)) missing.push(id)
    }
    for (const id of ledger.added.keys()) if (!this.#asked.has(id)) faults.push(`nobody asked for ${id}`)
    for (const [id, reason] of parked) {
      if (!/^(RejectedRow: check|LoadTimeoutError: |Error: the source is down)/.test(reason ?? ''))
        faults.push(`${id} is parked for ${reason}`)
      if (reason?.startsWith('Rejected') && this.#asked.get(id)?.key !== bad) faults.push(`${id} is not bad`)
    }
    if (parked.size > maxParked + 10) faults.push(`${parked.size} operations are parked`)
    if (missing.length > 0) faults.push(`acknowledged and nowhere: ${missing}`)
    // A source that has just failed is left alone for a while.
    await world.clock.advance(5_000)
    await world.calm()
    for (const process of behind.living)
      for (const key of ['a', 'b']) faults.push(...(await this.#readAtRest(process, key)))
    return [...faults, ...(await behind.end())]
  }

  async #readAtRest(process: SimulatedProcess<number>, key: string): Promise<string[]> {
    const { world, ledger } = this.behind
    const least = ledger.sumOf(key)
    let answer: number | undefined | Error
    process.namespace.get(key).then(
      (value) => {
        answer = value ?? 0
      },
      (error: Error) => {
        answer = error
      },
    )
    await world.restUntil(() => answer !== undefined, 10_000)
    const most = least + this.#doubtful(key)
    const isRight = typeof answer === 'number' && answer <= most && answer >= least - this.#untold(key)
    return isRight ? [] : [`at rest ${process.name} reads ${answer} of ${key}, and the source has ${least}`]
  }

  #begin({ kind, key, by }: Operation, process: SimulatedProcess<number>): void {
    if (process.dead) return
    if (kind === 'get') void this.#get(process, key)
    else if (kind === 'forget') process.namespace.delete(key).catch(() => {})
    else if (kind === 'try again') this.#tryAgain(process)
    else {
      this.#increment(process, key, by)
      if (kind === 'increment both') this.#increment(process, key === 'a' ? 'b' : 'a', by)
    }
  }

  #increment(process: SimulatedProcess<number>, key: string, by: number): void {
    const id = `op-${this.#asked.size}`
    const asked: Asked = { key, by, process, tries: 1, state: 'under way', doubtful: false }
    this.#asked.set(id, asked)
    void this.#send(id, asked, process)
  }

  /** As a caller does who was told the id of what was refused. */
  #tryAgain(process: SimulatedProcess<number>): void {
    for (const [id, asked] of this.#asked) {
      if (asked.state !== 'refused') continue
      asked.state = 'under way'
      asked.doubtful = true
      asked.process = process
      asked.tries += 1
      void this.#send(id, asked, process)
      return
    }
  }

  async #send(id: string, asked: Asked, process: SimulatedProcess<number>): Promise<void> {
    const before = process.unanswered
    try {
      await process.namespace.increment(asked.key, asked.by, { id })
      asked.state = 'acknowledged'
    } catch {
      asked.state = 'refused'
      if (!this.behind.ledger.added.has(id)) asked.isGivenUp = true
    }
    if (process.unanswered > before) asked.doubtful = true
    this.behind.world.log.push(`${process.name}: ${id} is ${asked.state}`)
  }

  async #get(process: SimulatedProcess<number>, key: string): Promise<void> {
    const { lost, world } = this.behind
    const own = [...this.#asked].filter(
      ([, one]) => one.key === key && one.process === process && one.state === 'acknowledged' && !one.doubtful,
    )
    const { unanswered } = process
    const unsure = process.namespace.behind?.statistics.unsureLoads
    const value = await process.namespace.get(key).catch(() => undefined)
    if (value === undefined || key === bad) return
    world.log.push(`${process.name} gets ${key} = ${value}`)
    // Without Redis the source's word is all there is, and a load that could not be sure has said so.
    if (process.unanswered > unanswered || process.namespace.behind?.statistics.unsureLoads !== unsure) return
    const parked = new Set(this.behind.parked.map((fields) => fields.get('o')))
    const isKept = ([id]: readonly [string, Asked]) => !lost.has(id) && !parked.has(id)
    const least = own.filter(isKept).reduce((sum, [, { by }]) => sum + by, 0)
    const most = this.#sumOf(key, () => 1)
    if (value < least)
      this.behind.violations.push(`${process.name} reads ${value} of ${key} after it has added ${least}`)
    if (value > most + this.#doubtful(key))
      this.behind.violations.push(`${process.name} reads ${value} of ${key}, of ${most}`)
  }

  /** What a cached value may have too much: each try may stand in it twice, by the stream and by the source. */
  #doubtful(key: string): number {
    const isDoubtful = ({ doubtful, state }: Asked) => doubtful || state === 'under way'
    return this.#sumOf(key, (one) => (isDoubtful(one) ? 2 * one.tries - 1 : 0))
  }

  /** What may be missing in a cached value: nobody was left to tell Redis of it. */
  #untold(key: string): number {
    return this.#sumOf(key, ({ isGivenUp, process }) => (isGivenUp === true || process.dead ? 1 : 0))
  }

  #sumOf(key: string, times: (asked: Asked) => number): number {
    return [...this.#asked.values()].reduce((sum, one) => sum + (one.key === key ? one.by * times(one) : 0), 0)
  }

  get #survivor(): SimulatedProcess<number> {
    const [first] = this.behind.living
    if (first === undefined) throw new Error('one process is never killed')
    return first
  }

  #processAt(index: number): SimulatedProcess<number> {
    return this.behind.processes[index] ?? this.#survivor
  }
}

const operation: fc.Arbitrary<Operation> = fc.record({
  kind: fc.constantFrom<Kind[]>(
    'increment',
    'increment',
    'increment',
    'increment both',
    'try again',
    'get',
    'get',
    'forget',
  ),
  process: fc.oneof(fc.constant(0), fc.nat(2)),
  key: fc.constantFrom('a', 'a', 'a', 'b', bad),
  by: fc.integer({ min: 1, max: 3 }),
})

test.each<[string, BehindTroubles, number]>([
  ['processes live', { losesData: false, kills: false }, 0.06],
  ['processes are killed', { losesData: false, kills: true }, 0.06],
  ['Redis loses its data too', { losesData: true, kills: true }, 0.06],
])(
  'in whatever order increments are written, saved and fail, each that was acknowledged counts once: %s',
  (_, troubles, share) => assertFaultless(operation, share, () => new Trial(troubles)),
  600_000,
)
