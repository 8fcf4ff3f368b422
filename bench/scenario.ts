import type { RedisServer } from '../test/support/redis-server.ts'
import type { Peer } from './peers/index.ts'
import type { CacheSettings } from './peers/peer.ts'
import type { Worker } from './workers/pool.ts'

/** A demand on Plimsoll, and whether this run met it. */
export interface Requirement {
  readonly text: string
  readonly met: boolean
}

export type Format = 'count' | 'rate' | 'ratio' | 'milliseconds' | 'number' | 'text'

export interface Column {
  readonly key: string
  readonly title: string
  readonly format: Format
}

export type Values = Readonly<Record<string, number | string | undefined>>

export interface Row {
  readonly candidate: string
  readonly values: Values
}

export interface Outcome {
  readonly columns: readonly Column[]
  readonly rows: readonly Row[]
  readonly requirements: readonly Requirement[]
  /** Lines of the summary table: what was measured, and a cell for each row. */
  readonly summary?: readonly SummaryLine[]
}

export interface SummaryLine {
  readonly label: string
  readonly cell: (values: Values) => string
}

export interface Scenario {
  readonly name: string
  /** One sentence: what happens and what is counted. */
  readonly about: string
  readonly run: (stage: Stage) => Promise<Outcome>
}

/** What a scenario is given. All that it starts is ended when it returns or throws. */
export interface Stage {
  readonly quick: boolean
  /** The candidates that were asked for, in the order of the tables. */
  readonly peers: readonly Peer[]
  /** The settings of the connections, to be spread into every cache's. */
  readonly connections: Pick<CacheSettings, 'tuned'>
  progress(text: string): void
  startRedis(settings?: Readonly<Record<string, string>>): Promise<RedisServer>
  startWorker(nodeOptions?: readonly string[]): Worker
}
