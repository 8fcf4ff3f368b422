import { register as defaultRegistry, type Registry, type RegistryContentType } from 'prom-client'
import { InvalidArgumentError } from '../errors.ts'
import type { MeasuredCache } from './cache-series.ts'
import { Collection } from './collection.ts'

export type { MeasuredCache } from './cache-series.ts'
export { type MetricDefinition, type MetricName, metricCatalogue } from './catalogue.ts'

export interface MetricsOptions {
  /** A registry of prom-client 15; its default registry unless given. */
  register?: Registry<RegistryContentType>
  /** What the names begin with: `plimsoll_` unless given. The dashboard and the rules shipped with this package expect that. */
  prefix?: string
  /**
   * `off` leaves out what Redis says of itself (`plimsoll_server_…`), for where redis_exporter tells it. Every process
   * tells the same of one server: aggregate with `max by (target)`, never with `sum`. `always` unless given.
   */
  serverMetrics?: 'always' | 'off'
}

/**
 * Exposes a cache to Prometheus; see `metricCatalogue` for what. Nothing is asked of Redis at a scrape, and nothing is
 * exposed that was never measured. Several caches, each with a name of its own, share one registry.
 *
 * @returns a function that takes the cache off the registry again
 * @throws InvalidArgumentError where another cache of that name, or other metrics, are in the way
 */
export function collectMetrics(cache: MeasuredCache, options: MetricsOptions = {}): () => void {
  const { register = defaultRegistry, prefix = 'plimsoll_', serverMetrics = 'always' } = options
  if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(prefix)) {
    throw new InvalidArgumentError('prefix', 'expected letters, digits and underscores, such as "plimsoll_"')
  }
  if (serverMetrics !== 'always' && serverMetrics !== 'off') {
    throw new InvalidArgumentError('serverMetrics', 'expected "always" or "off"')
  }
  const collection = Collection.on(register, prefix)
  collection.add(cache, serverMetrics === 'always')
  return () => collection.remove(cache, register, prefix)
}
