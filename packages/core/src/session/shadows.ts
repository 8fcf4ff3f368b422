import type { Clock } from '../clock.ts'
import type { LivingRecord } from './record.ts'

interface Shadow {
  readonly record: LivingRecord
  readonly at: number
  readonly bytes: number
}

// Of an entry beside its text.
const overhead = 256

/**
 * Sessions that this process read moments ago, to be served read-only while Redis is out of reach. Bounded in bytes and
 * in age; the one that was read longest ago gives way.
 */
export class Shadows {
  readonly maxBytes: number
  readonly #clock: Clock
  readonly #maxAge: number
  readonly #shadows = new Map<string, Shadow>()
  #bytes = 0

  constructor(clock: Clock, maxAge: number, maxBytes: number) {
    this.#clock = clock
    this.#maxAge = maxAge
    this.maxBytes = maxBytes
  }

  get size(): number {
    return this.#shadows.size
  }

  get bytes(): number {
    return this.#bytes
  }

  keep(handle: string, record: LivingRecord): void {
    this.forget(handle)
    const bytes = overhead + 2 * (record.json.length + (record.user?.length ?? 0))
    if (bytes > this.maxBytes) return
    this.#shadows.set(handle, { record, at: this.#clock.now(), bytes })
    this.#bytes += bytes
    for (const oldest of this.#shadows.keys()) {
      if (this.#bytes <= this.maxBytes) return
      this.forget(oldest)
    }
  }

  /** With what is left of its life now. */
  find(handle: string): LivingRecord | undefined {
    const shadow = this.#shadows.get(handle)
    if (shadow === undefined) return undefined
    const age = this.#clock.now() - shadow.at
    // Less than nothing: the clock was set back, and how old it is is not known.
    if (age < 0 || age > this.#maxAge || age >= shadow.record.ttl) {
      this.forget(handle)
      return undefined
    }
    return { ...shadow.record, ttl: shadow.record.ttl - age }
  }

  forget(handle: string): void {
    const shadow = this.#shadows.get(handle)
    if (shadow === undefined) return
    this.#shadows.delete(handle)
    this.#bytes -= shadow.bytes
  }

  clear(): void {
    this.#shadows.clear()
    this.#bytes = 0
  }
}
