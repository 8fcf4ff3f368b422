/** Observations by size: `counts[i]` of those up to `bounds[i]`, the last of those beyond all bounds. Not cumulative. */
export interface Histogram {
  readonly bounds: readonly number[]
  readonly counts: readonly number[]
  readonly sum: number
}

/** Seconds of what is asked of Redis. */
export const commandSeconds: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
]
/** Seconds of what is asked of a source, which may take longer. */
export const loadSeconds: readonly number[] = [...commandSeconds, 5, 10]
export const payloadBytes: readonly number[] = [128, 512, 2_048, 8_192, 32_768, 131_072, 524_288, 2_097_152]

/** Counts observations into fixed buckets. Flat numbers, and small bounds first: a hit in Redis ends after a few comparisons. */
export class HistogramCounter {
  readonly #bounds: Float64Array
  readonly #counts: Float64Array
  // In an array, for a number in a field would be boxed anew with each observation.
  readonly #sum = new Float64Array(1)

  /** `bounds`: upper bounds, ascending; one of the bound itself belongs below it. */
  constructor(bounds: readonly number[]) {
    this.#bounds = Float64Array.from(bounds)
    this.#counts = new Float64Array(bounds.length + 1)
  }

  observe(value: number, count = 1): void {
    const bounds = this.#bounds
    let bucket = 0
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket += 1
    this.#counts[bucket] = (this.#counts[bucket] as number) + count
    this.#sum[0] = (this.#sum[0] as number) + value * count
  }

  snapshot(): Histogram {
    return { bounds: Array.from(this.#bounds), counts: Array.from(this.#counts), sum: this.#sum[0] as number }
  }
}
