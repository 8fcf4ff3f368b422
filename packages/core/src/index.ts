export type { BreakerState } from './breaker/breaker.ts'
export { type Cache, type CacheEvents, createCache, type GetOrSetOptions } from './cache.ts'
export type { Clock, Random } from './clock.ts'
export {
  CacheClosedError,
  InvalidArgumentError,
  InvalidOptionsError,
  LoadTimeoutError,
  type OptionIssue,
  PlimsollError,
  SourceOverloadedError,
  SourceUnavailableError,
  ValueNotPreservedError,
} from './errors.ts'
export type { CacheHealth, ModeChange } from './health.ts'
export type { Namespace, SetOptions } from './namespace.ts'
export type { CacheOptions, LocalOptions, SourceOptions } from './options/cache-options.ts'
export type { Duration } from './options/duration.ts'
export { connectionFromEnvironment, type EnvironmentOptions } from './options/environment.ts'
export type { Logger } from './options/logger.ts'
export type {
  GetOptions,
  LoadContext,
  LoadManyContext,
  NamespaceOptions,
  SaveContext,
} from './options/namespace-options.ts'
export type { PolicyOptions, Priority, Serializer } from './options/policy.ts'
export type { RedisAddress, RedisInstance, RedisOption, RedisOptions, RedisTls } from './options/redis-options.ts'
export type { Size } from './options/size.ts'
export type { Mode } from './pressure/mode.ts'
export type { Counters } from './read/counters.ts'
