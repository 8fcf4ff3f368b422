import { setTimeout as pause } from 'node:timers/promises'
import type { Product } from '../peers/peer.ts'

export interface SourceSettings {
  readonly loadMs: number
  /** How many related products a product has, to make its value large. */
  readonly related?: number
  /** How many loads it bears at once; with n times as many each of them takes n² times as long. */
  readonly bears?: number
  /** Keep the times of every load, for a scenario that looks whether loads overlap. */
  readonly keepTimes?: boolean
}

export interface SourceReport {
  readonly loads: number
  readonly peak: number
  readonly active: number
  /** Starts and ends in milliseconds since the epoch, so that they compare across processes. */
  readonly times: readonly (readonly [start: number, end: number])[]
}

/** The source of truth that every library loads from: it takes its time and keeps count. */
export class Source {
  #settings: SourceSettings
  #loads = 0
  #active = 0
  #peak = 0
  readonly #times: [number, number][] = []

  constructor(settings: SourceSettings) {
    this.#settings = settings
  }

  change(settings: Partial<SourceSettings>): void {
    this.#settings = { ...this.#settings, ...settings }
  }

  readonly load = async (key: string): Promise<Product> => {
    const { bears = Number.POSITIVE_INFINITY, keepTimes } = this.#settings
    this.#loads++
    this.#active++
    this.#peak = Math.max(this.#peak, this.#active)
    const start = performance.timeOrigin + performance.now()
    try {
      // What overload does to a database: the more it has to do at once, the less it gets done.
      const overload = Math.max(1, this.#active / bears) ** 2
      if (this.#settings.loadMs > 0) await pause(this.#settings.loadMs * overload)
      return product(key, this.#settings.related)
    } finally {
      this.#active--
      if (keepTimes) this.#times.push([start, performance.timeOrigin + performance.now()])
    }
  }

  report(): SourceReport {
    return { loads: this.#loads, peak: this.#peak, active: this.#active, times: this.#times }
  }

  /** Counts from here on: the warming is not part of the measurement. */
  reset(): void {
    this.#loads = 0
    this.#peak = this.#active
    this.#times.length = 0
  }
}

function product(id: string, related = 0): Product {
  return {
    id,
    name: `Product ${id}`,
    price: 1999,
    currency: 'EUR',
    stock: 42,
    tags: ['garden', 'tools', 'sale'],
    description: 'A sturdy thing of beech wood and steel, made to outlast its owner',
    ...(related === 0 ? {} : { related: Array.from({ length: related }, (_, index) => relative(id, index)) }),
  }
}

function relative(id: string, index: number) {
  return { id: `${id}-${index}`, name: `Accessory ${index} that goes with product ${id}`, price: 100 + index * 7 }
}
