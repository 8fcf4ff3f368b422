export type { BreakerState } from './breaker/breaker.ts'
export { type Cache, type CacheEvents, createCache, type GetOrSetOptions, type HotKey } from './cache.ts'
export type { Clock, Random } from './clock.ts'
export {
  CacheClosedError,
  EvictionPolicyError,
  InvalidArgumentError,
  InvalidOptionsError,
  LeaseUnavailableError,
  LoadTimeoutError,
  type OptionIssue,
  ParkedUnavailableError,
  PartialWriteError,
  PlimsollError,
  SourceOverloadedError,
  SourceUnavailableError,
  UpdateConflictError,
  UpdateTimeoutError,
  ValueNotPreservedError,
  type WarmProgress,
  WarmStalledError,
  WriteBehindRefusedError,
  WriteRefusedError,
} from './errors.ts'
export type { Finding, FindingId, Remedy, Severity } from './findings/finding.ts'
export type { CacheHealth, ModeChange, NamespaceHealth, NodeHealth, TargetHealth } from './health.ts'
export type { Histogram } from './histogram.ts'
export type { IncrementOptions, Namespace, SetOptions } from './namespace.ts'
export type {
  BehindOperation,
  BehindOptions,
  IncrementOperation,
  SaveManyContext,
  SetOperation,
} from './options/behind-options.ts'
export type { CacheOptions, LocalOptions, SourceOptions } from './options/cache-options.ts'
export type { RefreshOptions, UpdateOptions, WarmOptions } from './options/call-options.ts'
export type { CopiesOptions } from './options/copies-option.ts'
export type { Duration } from './options/duration.ts'
export { connectionFromEnvironment, type EnvironmentOptions } from './options/environment.ts'
export type { Logger } from './options/logger.ts'
export type {
  GetOptions,
  LoadContext,
  LoadManyContext,
  NamespaceOptions,
  SaveContext,
  Version,
} from './options/namespace-options.ts'
export type { PolicyOptions, Priority, Serializer } from './options/policy.ts'
export type { PressureOptions } from './options/pressure-options.ts'
export type { RedisAddress, RedisInstance, RedisOption, RedisOptions, RedisTls } from './options/redis-options.ts'
export type { Size } from './options/size.ts'
export type { Forecast } from './pressure/forecast.ts'
export type { Confidence, LearnedLine, MemoryLine } from './pressure/memory-line.ts'
export type { Mode } from './pressure/mode.ts'
export type { Restart, ServerTotals, Trend } from './pressure/trend.ts'
export type { Vitals } from './pressure/vitals.ts'
export type { Counters } from './read/counters.ts'
export type { RefreshAhead } from './read/refresh-ahead.ts'
export type { CacheStatistics, NamespaceStatistics, TargetStatistics } from './statistics.ts'
export type { ListParkedOptions, ParkedOperation, ParkedPage } from './write-behind/parked.ts'
export {
  type PostgresCounters,
  type PostgresCountersOptions,
  type PostgresPool,
  postgresCounters,
  postgresCountersTables,
} from './write-behind/postgres-counters.ts'
export type { BehindHealth, BehindStatistics } from './write-behind/tallies.ts'
