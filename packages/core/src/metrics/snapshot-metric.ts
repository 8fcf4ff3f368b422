import type { MetricDefinition } from './catalogue.ts'
import type { Sample } from './sheet.ts'

/**
 * A metric whose samples are read at the scrape. The counters and histograms of prom-client 15 take no values from
 * outside; a registry only asks for `name`, `get` and `reset`.
 */
export class SnapshotMetric {
  /** A registry in OpenMetrics format cuts `_total` off, and expects `get` to tell the name that is left. */
  name: string
  readonly help: string
  readonly type: MetricDefinition['type']
  readonly aggregator: MetricDefinition['aggregator']
  readonly labelNames: readonly string[]
  readonly #read: () => readonly Sample[]

  constructor(name: string, definition: MetricDefinition, read: () => readonly Sample[]) {
    this.name = name
    this.help = definition.help
    this.type = definition.type
    this.aggregator = definition.aggregator
    this.labelNames = definition.labels
    this.#read = read
  }

  async get() {
    const { name, help, type, aggregator } = this
    const values = this.#read().map(({ labels, suffix, value }) =>
      suffix === '' ? { labels, value } : { labels, value, metricName: name + suffix },
    )
    return { name, help, type, aggregator, values }
  }

  /** The values are the cache's: it does not forget them. */
  reset(): void {}
}
