import { FakeRedis } from './fake-redis.ts'
import { FakeStreams } from './fake-streams.ts'
import { SteppingClock, settle } from './stepping-clock.ts'

/** Something that happens at one instant. Of the steps of one lane the first must happen before the next. */
export interface Step {
  readonly what: string
  readonly lane?: object
  run(): void
  /** What may happen instead. */
  fail?(): void
}

/** One choice of a schedule. */
export interface Choice {
  /** Which of the possible steps is next, from the oldest on; `newest` for the one that the last one led to. */
  readonly pick: number | 'newest'
  /** Something goes wrong instead. */
  readonly wrong: boolean
  /** Whether the step may be one that the world is reluctant to take. */
  readonly patient: boolean
}

/** A row as the source has had it; undefined where it had none. */
export type Row = string | undefined

/** The source of truth, with everything that it has ever said. */
export class SimulatedSource {
  readonly #world: World
  readonly #history = new Map<string, Row[]>()
  /** Where rows have an order, one that is older than the newest there has been is not taken. */
  orderOf: ((row: string) => number) | undefined
  #newest = 0

  constructor(world: World) {
    this.#world = world
  }

  /** The states of a key in the order in which they came; their index is their age. */
  historyOf(key: string): Row[] {
    const known = this.#history.get(key)
    if (known !== undefined) return known
    const history: Row[] = [undefined]
    this.#history.set(key, history)
    return history
  }

  latest(key: string): Row {
    return this.historyOf(key).at(-1)
  }

  change(key: string, row: Row): number {
    if (row !== undefined && this.orderOf !== undefined) this.#newest = Math.max(this.#newest, this.orderOf(row))
    return this.historyOf(key).push(row) - 1
  }

  #isPast(row: Row): boolean {
    return row !== undefined && this.orderOf !== undefined && this.orderOf(row) < this.#newest
  }

  load(key: string): Promise<Row> {
    return new Promise((resolve, reject) => {
      this.#world.add({
        what: `source reads ${key}`,
        run: () => {
          const row = this.latest(key)
          this.#world.add({ what: `source answers ${key} = ${row}`, run: () => resolve(row) })
        },
        fail: () => reject(new Error('the source is down')),
      })
    })
  }

  save(key: string, row: Row): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = () => reject(new Error('the source is down'))
      this.#world.add({
        what: `source writes ${key} = ${row}`,
        run: () => {
          if (this.#isPast(row)) {
            fail()
            return
          }
          this.change(key, row)
          this.#world.add({ what: `source has written ${key} = ${row}`, run: resolve, fail })
        },
        fail,
      })
    })
  }
}

/** Steps that can happen, and a clock, a Redis and a source for whoever makes them. */
export class World {
  readonly clock = new SteppingClock(0)
  readonly redis = new FakeRedis(
    this.clock,
    (_, message) => this.onPublish(message),
    (key) => this.onTouched(key),
  )
  readonly streams = new FakeStreams(this.redis)
  readonly source = new SimulatedSource(this)
  readonly log: string[] = []
  /** What may go wrong besides the failing of a step. */
  readonly troubles: (() => Step[])[] = []
  onPublish: (message: string) => void = () => {}
  onTouched: (redisKey: string) => void = () => {}
  /** The chance of all processes. */
  random: () => number = () => 0.5
  /** Steps of whose name this is a part happen late: what is slow is what finds the gaps. */
  reluctance: string | undefined
  #steps: Step[] = []

  add(step: Step): void {
    this.#steps.push(step)
  }

  /** Forgets what has not happened yet on a lane. */
  drop(lane: object): void {
    this.#steps = this.#steps.filter((step) => step.lane !== lane)
  }

  has(lane: object): boolean {
    return this.#steps.some((step) => step.lane === lane)
  }

  async follow({ pick, wrong, patient }: Choice): Promise<void> {
    if (wrong) {
      const trouble = this.#pickTrouble(typeof pick === 'number' ? pick : 0)
      if (trouble !== undefined) await this.#happen(trouble, trouble.fail ?? trouble.run)
      return
    }
    const { reluctance } = this
    const willing = this.#possible().filter(({ what }) => patient || !reluctance || !what.includes(reluctance))
    // Time passing is a step like the others.
    const time = this.clock.nextAt !== undefined && typeof pick === 'number' && pick % (willing.length + 1) === 0
    const step = time ? undefined : at(willing, pick)
    if (step !== undefined) await this.#happen(step, step.run)
    else if (this.clock.nextAt !== undefined) await this.#passTime()
  }

  /** Lets everything happen that is left, in order, until nothing is. */
  async rest(): Promise<void> {
    for (let count = 0; count < 500; count++) {
      await this.calm()
      if (this.clock.nextAt === undefined) return
      await this.#passTime()
    }
    throw new Error('the world does not come to rest')
  }

  /** Lets everything happen, in order, until it is so; false where it is not after so many milliseconds. */
  async restUntil(isSo: () => boolean, milliseconds: number): Promise<boolean> {
    const until = this.clock.now() + milliseconds
    for (;;) {
      await this.calm()
      if (isSo()) return true
      if ((this.clock.nextAt ?? Number.POSITIVE_INFINITY) <= until) await this.#passTime()
      else {
        await this.clock.advance(until - this.clock.now())
        return false
      }
    }
  }

  /** Lets everything happen, in order, that needs no time. */
  async calm(): Promise<void> {
    await settle()
    for (let [next] = this.#possible(); next !== undefined; [next] = this.#possible())
      await this.#happen(next, next.run)
  }

  async #passTime(): Promise<void> {
    this.log.push(`time passes until ${this.clock.nextAt}`)
    this.clock.runNext()
    await settle()
  }

  async #happen(step: Step, action: () => void): Promise<void> {
    this.#steps = this.#steps.filter((other) => other.run !== step.run)
    this.log.push(step.what)
    action()
    await settle()
  }

  /** First by kind: a connection that may break must not be one among many things that always may. */
  #pickTrouble(pick: number): Step | undefined {
    const failures = this.#possible().filter((step) => step.fail)
    const renamed = failures.map((step) => ({ ...step, what: `${step.what} FAILS` }))
    const kinds = [renamed, ...this.troubles.map((trouble) => trouble())].filter((kind) => kind.length > 0)
    return at(at(kinds, pick) ?? [], Math.floor(pick / Math.max(1, kinds.length)))
  }

  #possible(): Step[] {
    const busy = new Set<object>()
    return this.#steps.filter(({ lane }) => {
      if (lane === undefined) return true
      if (busy.has(lane)) return false
      busy.add(lane)
      return true
    })
  }
}

function at<T>(list: readonly T[], pick: number | 'newest'): T | undefined {
  return pick === 'newest' ? list.at(-1) : list[pick % Math.max(1, list.length)]
}
