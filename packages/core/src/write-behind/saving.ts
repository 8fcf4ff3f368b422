import type { Clock, Random } from '../clock.ts'
import { CacheClosedError, LoadTimeoutError } from '../errors.ts'
import type { BehindOperation, BehindSettings } from '../options/behind-options.ts'

/** What became of several operations. Where `error` stands, the source seems to be away and the rest was not tried. */
export interface Outcome<T> {
  readonly saved: readonly T[]
  readonly failed: readonly { readonly one: T; readonly error: unknown }[]
  readonly error: unknown
}

// So many single operations that fail, and none that is saved: that is not them, it is the source.
const enoughFailures = 3

/** Calls `saveMany`, under its deadline. */
export class Saving<V> {
  readonly #namespace: string
  readonly #settings: Pick<BehindSettings<V>, 'saveMany' | 'saveTimeout'>
  readonly #clock: Clock
  readonly #random: Random
  readonly #running = new Set<AbortController>()
  #ended = false

  constructor(
    namespace: string,
    settings: Pick<BehindSettings<V>, 'saveMany' | 'saveTimeout'>,
    clock: Clock,
    random: Random,
  ) {
    this.#namespace = namespace
    this.#settings = settings
    this.#clock = clock
    this.#random = random
  }

  /** Gives up what is under way, and begins nothing any more: a source that hangs must not keep a closed process alive. */
  end(): void {
    this.#ended = true
    for (const controller of this.#running) controller.abort(new CacheClosedError())
  }

  /** @throws LoadTimeoutError, CacheClosedError, or what `saveMany` throws */
  async saveAll(operations: readonly BehindOperation<V>[]): Promise<void> {
    if (this.#ended) throw new CacheClosedError()
    const { saveMany, saveTimeout } = this.#settings
    const controller = new AbortController()
    this.#running.add(controller)
    const { signal } = controller
    const late = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
    const timer = this.#clock.setTimeout(
      () => controller.abort(new LoadTimeoutError(this.#namespace, saveTimeout)),
      saveTimeout,
    )
    try {
      await Promise.race([callSaveMany(saveMany, operations, signal), late])
    } finally {
      this.#clock.clearTimeout(timer)
      this.#running.delete(controller)
    }
  }

  /** Saves all of them, or finds by halving those that cannot be, so that one bad operation does not fail its neighbours. */
  async saveApart<T>(all: readonly T[], operationOf: (one: T) => BehindOperation<V>): Promise<Outcome<T>> {
    const saved: T[] = []
    const failed: { one: T; error: unknown }[] = []
    // From another place each time: a run of bad ones at the start must not pass for a source that is away.
    const start = Math.floor(this.#random() * all.length)
    const open: (readonly T[])[] = [[...all.slice(start), ...all.slice(0, start)]]
    for (let some = open.pop(); some !== undefined; some = open.pop()) {
      try {
        await this.saveAll(some.map(operationOf))
        saved.push(...some)
      } catch (error) {
        // Nothing is told of the operations by that.
        if (this.#ended) return { saved, failed: [], error }
        const [only] = some
        if (some.length > 1) {
          // A source that hangs would hang for each half too.
          if (error instanceof LoadTimeoutError && saved.length === 0) return { saved, failed: [], error }
          const middle = some.length >> 1
          open.push(some.slice(middle), some.slice(0, middle))
        } else if (only !== undefined) failed.push({ one: only, error })
        if (saved.length === 0 && failed.length >= enoughFailures) return { saved, failed: [], error }
      }
    }
    // Without one success there is no telling whose fault it is.
    return saved.length === 0 ? { saved, failed: [], error: failed[0]?.error } : { saved, failed, error: undefined }
  }
}

async function callSaveMany<V>(
  saveMany: BehindSettings<V>['saveMany'],
  operations: readonly BehindOperation<V>[],
  signal: AbortSignal,
): Promise<void> {
  await saveMany(operations, { signal })
}

/** An error in full, for what is parked: it stands there beside the value. */
export function reasonOf(error: unknown): string {
  return (error instanceof Error ? `${error.name}: ${error.message}` : 'unknown reason').slice(0, 300)
}

/** An error without its message, for logs and metrics: what a database says often holds the value. */
export function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? `${error.name} ${code}`.slice(0, 80) : error.name.slice(0, 80)
}
