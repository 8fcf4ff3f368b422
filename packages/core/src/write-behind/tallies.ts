import { type Histogram, HistogramCounter } from '../histogram.ts'

/** How a write-behind namespace fares, as this process last saw it. */
export interface BehindHealth {
  /** Operations that wait to be saved, of all processes. */
  readonly waiting: number
  /** Of the stream that is fullest, the share of `maxWaiting`: 0 to 1. At 1 writes are treated as with a full Redis. */
  readonly waitingShare: number
  /** For how long the oldest of them has waited, in milliseconds. */
  readonly oldestMilliseconds: number
  /** Operations that could not be saved and are put aside, of all processes. */
  readonly parked: number
  /** Of the slot group that has most, the share of `maxParked`. From 1 on what cannot be saved stays among what waits. */
  readonly parkedShare: number
  /** Whether this process is the one that saves, of any group. */
  readonly flushing: boolean
  /** Why the latest attempt to save failed; undefined while it works. */
  readonly failure: string | undefined
}

/** What this process did of write-behind since the namespace was declared. */
export interface BehindStatistics {
  /** Operations that Redis took. */
  readonly appended: number
  /** Operations that went to the source at once, because Redis did not take them. */
  readonly direct: number
  /** Operations that were refused: the caller has an error. */
  readonly refused: number
  /** Operations that were saved from the stream, and batches of them. */
  readonly saved: number
  readonly batches: number
  /** Batches of which something could not be saved, and is tried again. */
  readonly retried: number
  /** Operations that could not be saved and were put aside. */
  readonly parked: number
  /** Operations that another process had taken and not saved. */
  readonly takenOver: number
  /** Loads that were answered while what waits was on its way to the source, and may be wrong by that; kept nowhere. */
  readonly unsureLoads: number
  /** Seconds from the write of the oldest operation of a batch until the batch was saved. */
  readonly lagSeconds: Histogram
}

const lagBounds = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]

/** The counts behind `BehindStatistics`. */
export class Tallies {
  appended = 0
  direct = 0
  refused = 0
  saved = 0
  batches = 0
  retried = 0
  parked = 0
  takenOver = 0
  unsureLoads = 0
  readonly lagSeconds = new HistogramCounter(lagBounds)

  snapshot(): BehindStatistics {
    const { appended, direct, refused, saved, batches, retried, parked, takenOver, unsureLoads } = this
    const lagSeconds = this.lagSeconds.snapshot()
    return {
      appended,
      direct,
      refused,
      saved,
      batches,
      retried,
      parked,
      takenOver,
      unsureLoads,
      lagSeconds,
    }
  }
}
