import type { BehindOperation } from '../options/behind-options.ts'
import type { World } from './simulated-world.ts'

export class RejectedRow extends Error {
  override readonly name = 'RejectedRow'
}

interface Held<V> {
  readonly value: V
  readonly sequence: number
}

/** A source that keeps the rules of write-behind: it adds no id twice, and takes no sequence that is not above its own. */
export class SimulatedLedger<V> {
  readonly #world: World
  /** What each id has added, and to which key. */
  readonly added = new Map<string, { readonly key: string; readonly by: number }>()
  readonly #values = new Map<string, Held<V>>()
  /** No row of these is taken, and none that comes with it. */
  readonly rejected = new Set<string>()
  /** Whether it says that it has saved, as a connection that breaks would keep it from. */
  confirms = true
  readonly violations: string[] = []

  constructor(world: World) {
    this.#world = world
  }

  sumOf(key: string): number {
    let sum = 0
    for (const one of this.added.values()) if (one.key === key) sum += one.by
    return sum
  }

  valueOf(key: string): V | undefined {
    return this.#values.get(key)?.value
  }

  load<T>(read: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const fail = () => reject(new Error('the source is down'))
      this.#world.add({
        what: 'source reads',
        run: () => {
          const answer = read()
          this.#world.add({ what: `source answers ${answer}`, run: () => resolve(answer), fail })
        },
        fail,
      })
    })
  }

  saveMany(by: string, operations: readonly BehindOperation<V>[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = () => reject(new Error('the source is down'))
      const what = operations.map((one) => `${one.key} ${one.ids}`).join(', ')
      this.#world.add({
        what: `source saves ${what} for ${by}`,
        run: () => {
          if (operations.some(({ key }) => this.rejected.has(key))) {
            reject(new RejectedRow('check constraint'))
            return
          }
          for (const operation of operations) this.#apply(operation)
          const run = this.confirms ? resolve : fail
          this.#world.add({ what: `source has saved ${what} for ${by}`, run, fail })
        },
        fail,
      })
    })
  }

  #apply(operation: BehindOperation<V>): void {
    const { key } = operation
    if (operation.kind === 'set') {
      const before = this.#values.get(key)
      if (operation.sequence > (before?.sequence ?? -1)) this.#values.set(key, operation)
      return
    }
    const { ids, increments, increment } = operation
    if (increments.reduce((sum, by) => sum + by, 0) !== increment) this.violations.push(`${ids} do not sum up`)
    for (const [index, id] of ids.entries()) {
      const by = increments[index] ?? Number.NaN
      const before = this.added.get(id)
      if (before === undefined) this.added.set(id, { key, by })
      else if (before.key !== key || before.by !== by) this.violations.push(`${id} changed on its way`)
    }
  }
}
