import type { Clock, Random } from '../clock.ts'
import type { Fences } from '../coherence/fences.ts'
import type { Generations } from '../coherence/generations.ts'
import type { Codec } from '../entry/codec.ts'
import type { Times } from '../entry/envelope.ts'
import type { KeySpace } from '../entry/key.ts'
import type { LocalKeeper } from '../local/local-keeper.ts'
import type { LocalNamespace } from '../local/local-tier.ts'
import type { Logger } from '../options/logger.ts'
import type { NamespaceSettings } from '../options/namespace-options.ts'
import type { Copies } from './copies.ts'
import type { Counters, Observations } from './counters.ts'
import type { Flight } from './flight.ts'
import type { LeaseContext } from './lease.ts'
import type { Context } from './load-context.ts'
import type { Source } from './source.ts'
import type { Wakeups } from './wakeups.ts'

/** What reading needs of Redis and of the other processes. */
export interface ReadRemote extends LeaseContext {
  /** Whether Redis may be believed for this key: not while a write of ours has not reached it. */
  trusts(key: string): boolean
  /** Where hot keys have copies. */
  readonly copies: Copies | undefined
  /** Whether writes of others than the SDK are to be noticed. */
  readonly tracks: boolean
}

/** The parts of one namespace that reading works with. */
export interface ReadParts<V> {
  readonly settings: NamespaceSettings<V>
  /** The namespace as messages name it. */
  readonly id: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Checks that loaded values survive the serializer. */
  readonly development: boolean
  readonly keys: KeySpace
  readonly codec: Codec<V>
  readonly local: LocalNamespace<V> | undefined
  readonly keeper: LocalKeeper<V>
  readonly remote: ReadRemote | undefined
  readonly source: Source
  readonly fences: Fences<Flight<V>>
  readonly wakeups: Wakeups
  /** Where the namespace can be cleared, or has tags. */
  readonly generations: Generations | undefined
  readonly counters: Counters
  readonly observations: Observations
}

/** Asks the source for one key. A batch shares one call among several flights, and must hear of those that drop out. */
export interface Fetch<V> {
  load(key: string, context: Context<V>, deadline: number): Promise<V | undefined>
  /** This key will not be loaded with the others, or not now. */
  dropOut(key: string): void
}

/** An older value in hand, with the times that decide whether it may still be answered. */
export interface Reserve<V> extends Times {
  readonly value: V | undefined
  /** It cannot be frozen, so each caller gets a clone. */
  readonly cloned?: boolean
}

export function handOut<V>({ value, cloned }: Reserve<V>): V | undefined {
  return cloned ? structuredClone(value) : value
}
