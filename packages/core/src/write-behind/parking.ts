import type { GroupKeys } from '../entry/key.ts'
import type { Logger } from '../options/logger.ts'
import type { Settled, StreamCommands } from '../redis/stream-commands.ts'
import type { StreamEntry } from '../redis/stream-entry.ts'
import { kindOf, reasonOf } from './saving.ts'
import type { Tallies } from './tallies.ts'

export interface ParkingParts {
  readonly namespace: string
  readonly settings: { readonly maxParked: number }
  readonly streams: Pick<StreamCommands, 'park'>
  readonly tallies: Tallies
  readonly logger: Logger
}

/** As many operations are parked as `behind.maxParked` allows. */
export class ParkedFull extends Error {
  override readonly name = 'ParkedFull'
}

export class NotReadable extends Error {
  override readonly name = 'NotReadable'
}

/** Puts aside what of one group cannot be saved. For want of room nothing is thrown away that was answered: it stays in the stream, and is tried again. */
export class Parking {
  /** Whether something found no room since this was set to false. */
  full = false
  readonly #parts: ParkingParts
  readonly #group: GroupKeys

  constructor(parts: ParkingParts, group: GroupKeys) {
    this.#parts = parts
    this.#group = group
  }

  /** How many entries have left the stream: all of them or, where there is no room or the lock is lost, none. */
  async park(
    turn: string,
    entries: readonly StreamEntry[],
    settled: Settled,
    error: unknown,
    attempts: number,
  ): Promise<number> {
    const { streams, settings, tallies, logger, namespace } = this.#parts
    const ids = entries.map(({ id }) => id)
    const reason = { text: reasonOf(error), attempts }
    const left = await streams.park(this.#group, turn, ids, settled, reason, settings.maxParked)
    this.full ||= left !== undefined && left > 0
    if (left !== 0) return 0
    tallies.parked += ids.length
    logger.error(
      { namespace, operations: ids.length, error: kindOf(error) },
      'write-behind: operations could not be saved and are parked',
    )
    return ids.length
  }
}
