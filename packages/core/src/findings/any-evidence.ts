import fc from 'fast-check'
import type { Evidence } from './evidence.ts'
import { healthyEvidence } from './example-evidence.ts'

/** Evidence for tests: of the shape of the healthy one, with random numbers, and holes wherever its types allow them. */

/** What is always there when that which holds it is. */
const certain = [
  /^(target|purpose|vitals)$/,
  /^vitals\.(at|origin|engine|provider|loading|memory|clients|totals|persistence|replication|implausible)$/,
  /^trend\.(?!evictionAgeSeconds$)/,
  /^client\.(mode|refusedWrites|busy|earlyExpirations|loadsPerSecond|namespaces|localBounded)/,
  /^client\.process\.rss$/,
  /^sample\.(keys|withoutTtl|bytes|prefixes|largest|ttlMilliseconds)$/,
  /^settings\.denied$/,
  /^(line|commands|log)\./,
  /^budget\.(?!max$)/,
  /\.\*\.(?!hitRatio|largestValue|hottestShare|budget|averageTtlMilliseconds)/,
]

const restart = fc.record({
  at: fc.nat(),
  cause: fc.constantFrom('oom-kill', 'restart', 'failover'),
  dataLost: fc.boolean(),
  used: fc.option(fc.nat(), { nil: undefined }),
  rss: fc.option(fc.nat(), { nil: undefined }),
})

/** Where one example does not tell what there may be. */
const choices: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  purpose: fc.constantFrom('cache', 'session', 'queue'),
  'vitals.origin': fc.constantFrom('info', 'memory-stats', 'none'),
  'vitals.engine': fc.constantFrom('redis', 'valkey'),
  'vitals.version': fc.constantFrom('6.0.16', '7.0.15', '8', 'nightly', ''),
  'vitals.role': fc.constantFrom('primary', 'replica'),
  'vitals.provider': fc.constantFrom('elasticache', 'memorystore', 'azure', 'unknown'),
  'vitals.memory.policy': fc.constantFrom('noeviction', 'allkeys-lru', 'volatile-lru', 'volatile-ttl'),
  'vitals.errors': fc.dictionary(fc.constantFrom('OOM', 'MISCONF', 'READONLY', 'ERR'), fc.nat()),
  'vitals.implausible': fc.constantFrom([], ['used_memory']),
  'vitals.replication.primaryLinkUp': fc.boolean(),
  'trend.evictionAgeSeconds': fc.constantFrom(0, 100, Number.POSITIVE_INFINITY),
  'forecast.secondsToFull': fc.constantFrom(0, 100, 3_000, Number.POSITIVE_INFINITY),
  'client.refusal': fc.constantFrom('oom', 'misconf', 'readonly', 'noreplicas'),
  'settings.save': fc.constantFrom('', '3600 1'),
  restarts: fc.array(restart, { maxLength: 4 }),
  learned: fc.record({
    bytes: fc.nat(),
    deaths: fc.integer({ min: 2, max: 5 }),
    confidence: fc.constantFrom('low', 'medium', 'high'),
  }),
  'line.source': fc.constantFrom('maxmemory', 'declared', 'learned'),
  'pod.cpuLimit': fc.constant('250m'),
  'pod.lastState': fc.record({
    reason: fc.constantFrom('OOMKilled', 'Error', undefined),
    exitCode: fc.constantFrom(137, 0, undefined),
  }),
}

const anyNumber = fc.oneof(fc.constantFrom(0, 0.5, 0.99, 1, 1.6, 150, 2e6, 3e9), fc.nat())

function like(example: unknown, path: string): fc.Arbitrary<unknown> {
  const chosen = choices[path]
  if (chosen !== undefined) return chosen
  if (typeof example === 'number') return anyNumber
  if (typeof example === 'boolean') return fc.boolean()
  if (Array.isArray(example)) return fc.array(like(example[0], `${path}.*`), { maxLength: 3 })
  if (typeof example !== 'object' || example === null) return fc.constant(example)
  const fields = Object.entries(example).map(([field, inner]): [string, fc.Arbitrary<unknown>] => {
    const at = path === '' ? field : `${path}.${field}`
    const filled = like(inner, at)
    return [field, isCertain(at) ? filled : fc.option(filled, { nil: undefined, freq: 2 })]
  })
  return fc.record(Object.fromEntries(fields))
}

function isCertain(path: string): boolean {
  return certain.some((pattern) => pattern.test(path))
}

function blank(example: object, path: string): object {
  return Object.fromEntries(
    Object.entries(example).map(([field, inner]) => {
      const at = path === '' ? field : `${path}.${field}`
      if (!isCertain(at)) return [field, undefined]
      return [field, typeof inner === 'object' && !Array.isArray(inner) ? blank(inner, at) : inner]
    }),
  )
}

export const anyEvidence = like(healthyEvidence, '') as fc.Arbitrary<Evidence>

/** Only what cannot be missing. */
export const blankEvidence = blank(healthyEvidence, '') as Evidence
