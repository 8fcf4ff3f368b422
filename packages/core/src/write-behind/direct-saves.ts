import type { BehindOperation } from '../options/behind-options.ts'
import { increment } from './coalesce.ts'
import type { Saving } from './saving.ts'

interface Direct<V> {
  readonly operation: BehindOperation<V>
  resolve(): void
  reject(error: unknown): void
}

interface Together<V> {
  readonly operation: BehindOperation<V>
  readonly all: readonly Direct<V>[]
}

const mostWaiting = 10_000

/**
 * What goes past Redis, to the source at once. One call at a time, with all that has come meanwhile: a Redis that goes away
 * must not turn every increment into a query of its own.
 */
export class DirectSaves<V> {
  readonly #saving: Saving<V>
  readonly #batch: number
  #waiting: Direct<V>[] = []
  #running: Promise<void> | undefined

  constructor(saving: Saving<V>, batch: number) {
    this.#saving = saving
    this.#batch = batch
  }

  get size(): number {
    return this.#waiting.length
  }

  get full(): boolean {
    return this.#waiting.length >= mostWaiting
  }

  /** Resolves when the source has it. Rejects with what `saveMany` threw. */
  save(operation: BehindOperation<V>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ operation, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Resolves when all of it is settled. */
  async settled(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const together = join(this.#waiting.splice(0, this.#batch))
      const { saved, failed, error } = await this.#saving.saveApart(together, ({ operation }) => operation)
      for (const { all } of saved) for (const { resolve } of all) resolve()
      for (const { one, error: why } of failed) for (const { reject } of one.all) reject(why)
      if (error === undefined) continue
      const done = new Set(saved)
      for (const one of together) if (!done.has(one)) for (const { reject } of one.all) reject(error)
    }
    this.#running = undefined
  }
}

function join<V>(some: readonly Direct<V>[]): Together<V>[] {
  const byKey = new Map<string, Direct<V>[]>()
  for (const one of some) {
    const others = byKey.get(one.operation.key)
    if (others === undefined) byKey.set(one.operation.key, [one])
    else others.push(one)
  }
  return [...byKey.values()].map((all) => ({ all, operation: merge(all.map(({ operation }) => operation)) }))
}

function merge<V>(operations: readonly BehindOperation<V>[]): BehindOperation<V> {
  const [first, ...others] = operations as readonly [BehindOperation<V>, ...BehindOperation<V>[]]
  if (others.length === 0) return first
  const ids = operations.flatMap((one) => one.ids)
  if (first.kind === 'increment') {
    const increments = operations.flatMap((one) => (one.kind === 'increment' ? one.increments : []))
    return increment(first.key, ids, increments, undefined)
  }
  let newest = first
  for (const one of others) if (one.kind === 'set' && one.sequence >= newest.sequence) newest = one
  return { ...newest, ids }
}
