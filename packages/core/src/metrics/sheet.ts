import type { Histogram } from '../histogram.ts'
import type { MetricName } from './catalogue.ts'

export type Labels = Readonly<Record<string, string>>

export interface Sample {
  readonly labels: Labels
  /** Of a histogram's series, what is added to the metric's name. */
  readonly suffix: '' | '_bucket' | '_sum' | '_count'
  value: number
}

/** All samples of one scrape. What is undefined was never measured and gets no sample. */
export class Sheet {
  readonly #samples = new Map<MetricName, Map<string, Sample>>()

  /** Samples of the same labels are added up: that is how namespaces beyond the bound become one. */
  add(name: MetricName, labels: Labels, value: number | undefined): void {
    if (value !== undefined && !Number.isNaN(value)) this.#add(name, labels, '', value)
  }

  /** A sample for each value of the label. */
  each(name: MetricName, labels: Labels, label: string, byValue: Readonly<Record<string, number>>): void {
    for (const [value, count] of Object.entries(byValue)) this.add(name, { ...labels, [label]: value }, count)
  }

  /** 1 for the state in force and 0 for all others. */
  oneHot(name: MetricName, labels: Labels, label: string, states: readonly string[], current: string): void {
    for (const state of states) this.add(name, { ...labels, [label]: state }, state === current ? 1 : 0)
  }

  histogram(name: MetricName, labels: Labels, { bounds, counts, sum }: Histogram): void {
    let count = 0
    bounds.forEach((bound, index) => {
      count += counts[index] ?? 0
      this.#add(name, { ...labels, le: String(bound) }, '_bucket', count)
    })
    count += counts[bounds.length] ?? 0
    this.#add(name, { ...labels, le: '+Inf' }, '_bucket', count)
    this.#add(name, labels, '_sum', sum)
    this.#add(name, labels, '_count', count)
  }

  absorb(other: Sheet): void {
    for (const [name, samples] of other.#samples) {
      for (const { labels, suffix, value } of samples.values()) this.#add(name, labels, suffix, value)
    }
  }

  samplesOf(name: MetricName): readonly Sample[] {
    return [...(this.#samples.get(name)?.values() ?? [])]
  }

  #add(name: MetricName, labels: Labels, suffix: Sample['suffix'], value: number): void {
    const samples = this.#samples.get(name) ?? new Map<string, Sample>()
    this.#samples.set(name, samples)
    const key = JSON.stringify([suffix, labels])
    const sample = samples.get(key)
    if (sample === undefined) samples.set(key, { labels, suffix, value })
    else sample.value += value
  }
}
