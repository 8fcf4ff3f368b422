import type { Scenario } from '../scenario.ts'
import { coldStampede } from './cold-stampede.ts'
import { counters } from './counters.ts'
import { flush } from './flush.ts'
import { getMany } from './get-many.ts'
import { hitRates } from './hit-rates.ts'
import { hotKey, hotKeySlower } from './hot-key.ts'
import { hotKeyCluster } from './hot-key-cluster.ts'
import { leaseHolderKilled } from './lease-holder-killed.ts'
import { localHits } from './local-hits.ts'
import { localMemory } from './local-memory.ts'
import { overhead } from './overhead.ts'
import { redisFrozen } from './redis-frozen.ts'
import { redisFull } from './redis-full.ts'
import { redisHits } from './redis-hits.ts'
import { redisKilled, redisNeverThere } from './redis-killed.ts'
import { watching } from './watching.ts'

/** In the order in which they run. */
export const scenarios: readonly Scenario[] = [
  localHits,
  redisHits,
  getMany,
  coldStampede,
  leaseHolderKilled,
  hotKey,
  hotKeySlower,
  hotKeyCluster,
  redisKilled,
  redisNeverThere,
  redisFrozen,
  redisFull,
  flush,
  localMemory,
  hitRates,
  overhead,
  watching,
  counters,
]
