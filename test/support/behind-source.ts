import type { BehindOperation } from '../../packages/core/src/index.ts'

/** A source in this process that keeps the rules of write-behind: it drops ids that it has seen, and sequences that are not above its own. */
export class BehindSource {
  readonly sums = new Map<string, number>()
  readonly values = new Map<string, unknown>()
  readonly calls: (readonly BehindOperation<unknown>[])[] = []
  readonly #seen = new Set<string>()
  readonly #sequences = new Map<string, number>()
  /** Called before each batch: may throw or wait. */
  before: (operations: readonly BehindOperation<unknown>[]) => Promise<void> | void = () => {}
  /** Called when all of a batch is in. */
  after: () => Promise<void> | void = () => {}
  reads = 0
  /** Of ids that came once more. */
  dropped = 0

  readonly saveMany = async (operations: readonly BehindOperation<unknown>[]): Promise<void> => {
    this.calls.push(operations)
    await this.before(operations)
    for (const operation of operations) {
      if (operation.kind === 'increment') this.#add(operation.key, operation.ids, operation.increments)
      else if (operation.sequence > (this.#sequences.get(operation.key) ?? -1)) {
        this.#sequences.set(operation.key, operation.sequence)
        this.values.set(operation.key, operation.value)
      } else this.dropped += 1
    }
    await this.after()
  }

  has(id: string): boolean {
    return this.#seen.has(id)
  }

  read(key: string): unknown {
    this.reads += 1
    return this.sums.get(key) ?? this.values.get(key)
  }

  #add(key: string, ids: readonly string[], increments: readonly number[]): void {
    for (const [index, id] of ids.entries()) {
      if (this.#seen.has(id)) this.dropped += 1
      else this.sums.set(key, (this.sums.get(key) ?? 0) + (increments[index] ?? 0))
      this.#seen.add(id)
    }
  }
}
