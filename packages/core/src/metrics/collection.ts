import type { Metric, Registry, RegistryContentType } from 'prom-client'
import { InvalidArgumentError } from '../errors.ts'
import { memoryLimitOfProcess } from '../options/memory-limit.ts'
import { type MeasuredCache, seriesOf } from './cache-series.ts'
import { type MetricDefinition, type MetricName, metricCatalogue } from './catalogue.ts'
import { Sheet } from './sheet.ts'
import { SnapshotMetric } from './snapshot-metric.ts'

interface Source {
  readonly cache: MeasuredCache
  readonly server: boolean
  failures: number
}

/** By this name the other build of this package, loaded into the same process, knows it too. */
const mark = Symbol.for('@plimsoll/core/metrics')

/** The caches that share the metrics of one prefix on one registry. */
export class Collection {
  readonly #sources = new Map<string, Source>()
  readonly #processLimit = memoryLimitOfProcess()
  #sheet: Sheet | undefined

  /**
   * That of the registry, made and registered where there is none.
   *
   * @throws InvalidArgumentError where other metrics have one of the names
   */
  static on(registry: Registry<RegistryContentType>, prefix: string): Collection {
    const metrics = metricCatalogue.map((definition) => {
      const name = withPrefix(definition.name, prefix)
      return { name, definition, present: registry.getSingleMetric(name) as { [mark]?: Collection } | undefined }
    })
    const joined = metrics.find(({ present }) => present?.[mark] !== undefined)?.present?.[mark]
    if (joined !== undefined) return joined
    const taken = metrics.find(({ present }) => present !== undefined)
    if (taken !== undefined) {
      throw new InvalidArgumentError('prefix', `expected one under which nobody else has registered ${taken.name}`)
    }
    const collection = new Collection()
    for (const { name, definition } of metrics) {
      const read = () => collection.#currentSheet().samplesOf(definition.name)
      const metric = Object.assign(new SnapshotMetric(name, definition, read), { [mark]: collection })
      // What a registry asks of a metric it has; the types of prom-client name its own classes.
      registry.registerMetric(metric as unknown as Metric)
    }
    return collection
  }

  /** @throws InvalidArgumentError where another cache has the name: Prometheus refuses two series of the same labels */
  add(cache: MeasuredCache, server: boolean): void {
    const present = this.#sources.get(cache.name)
    if (present !== undefined && present.cache !== cache) {
      throw new InvalidArgumentError(
        'cache',
        'expected a name that no other cache on this registry has; call what collectMetrics returned for a closed one',
      )
    }
    this.#sources.set(cache.name, { cache, server, failures: present?.failures ?? 0 })
  }

  remove(cache: MeasuredCache, registry: Registry<RegistryContentType>, prefix: string): void {
    if (this.#sources.get(cache.name)?.cache !== cache) return
    this.#sources.delete(cache.name)
    this.#sheet = undefined
    if (this.#sources.size > 0) return
    for (const { name } of metricCatalogue) {
      const prefixed = withPrefix(name, prefix)
      const present = registry.getSingleMetric(prefixed) as { [mark]?: Collection } | undefined
      if (present?.[mark] === this) registry.removeSingleMetric(prefixed)
    }
  }

  /** A registry asks all its metrics in one go, and all of them must tell of the same moment. */
  #currentSheet(): Sheet {
    if (this.#sheet === undefined) {
      this.#sheet = this.#read()
      queueMicrotask(() => {
        this.#sheet = undefined
      })
    }
    return this.#sheet
  }

  /** Never throws: a registry whose metric does would tell nothing at all, of anybody. */
  #read(): Sheet {
    const sheet = new Sheet()
    const now = Date.now()
    for (const [name, source] of this.#sources) {
      try {
        sheet.absorb(seriesOf(source.cache, source.server, now))
      } catch {
        source.failures += 1
      }
      sheet.add('plimsoll_metrics_failures_total', { cache: name }, source.failures)
    }
    const resident = process.memoryUsage.rss()
    sheet.add('plimsoll_process_memory_rss_bytes', {}, resident)
    sheet.add('plimsoll_process_memory_limit_bytes', {}, this.#processLimit)
    sheet.add('plimsoll_process_memory_ratio', {}, resident / this.#processLimit)
    return sheet
  }
}

function withPrefix(name: MetricName | MetricDefinition['name'], prefix: string): string {
  return prefix + name.slice('plimsoll_'.length)
}
