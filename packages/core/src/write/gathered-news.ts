import type { Clock } from '../clock.ts'

const mostKeys = 100
// Milliseconds. One slow save must not keep the others' news back.
const longestHeld = 50

/** News of many writes, told together: a hundred keys at a time, none later than 50 ms after its write. */
export class GatheredNews {
  readonly #clock: Clock
  readonly #tell: (keys: readonly string[]) => Promise<void>
  #keys: string[] = []
  #timer: unknown
  #telling: Promise<void> = Promise.resolve()

  /** `tell` never rejects. */
  constructor(clock: Clock, tell: (keys: readonly string[]) => Promise<void>) {
    this.#clock = clock
    this.#tell = tell
  }

  /** Resolves at once, or where these make a full load of news, when all are told. */
  async add(keys: readonly string[]): Promise<void> {
    this.#keys.push(...keys)
    if (this.#keys.length >= mostKeys) await this.tell()
    else if (this.#keys.length > 0) this.#timer ??= this.#clock.setTimeout(() => void this.tell(), longestHeld)
  }

  /** Resolves when the others have been told of all. */
  async tell(): Promise<void> {
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
    const keys = this.#keys
    this.#keys = []
    if (keys.length > 0) this.#telling = Promise.all([this.#telling, this.#tell(keys)]).then(() => {})
    await this.#telling
  }
}
