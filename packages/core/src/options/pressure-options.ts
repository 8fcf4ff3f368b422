import { z } from 'zod'
import type { Duration } from './duration.ts'
import { duration, orFalse, share } from './policy.ts'

/** When Redis counts as too full. Each threshold has a default; give only those that are to differ. */
export interface PressureOptions {
  /** Between two looks at Redis while all is calm; near a limit it is looked at down to once a second. Default 10 seconds. */
  interval?: Duration
  /** How full Redis is, from 0 to 1, when a mode is entered. Defaults 0.8, 0.9 and 0.97. */
  fill?: { conserving?: number; shedding?: number; readOnly?: number }
  /** Time to full, as forecast, when a mode is entered. Defaults 1 hour and 10 minutes. */
  timeToFull?: { conserving?: Duration; shedding?: Duration }
  /** Share of the keys evicted within 10 minutes when a mode is entered. Defaults 0.05 and 0.2; 1 for a cache that is meant to turn over. */
  evictedShare?: { conserving?: number; shedding?: number }
  /** How long a mode's cause must be gone before the next milder mode. Default 60 seconds. */
  settle?: Duration
}

export interface PressureSettings {
  readonly interval: number
  readonly fill: { readonly conserving: number; readonly shedding: number; readonly readOnly: number }
  /** Seconds. */
  readonly timeToFull: { readonly conserving: number; readonly shedding: number }
  readonly evictedShare: { readonly conserving: number; readonly shedding: number }
  readonly settle: number
}

export const defaultPressure: PressureSettings = {
  interval: 10_000,
  // 0.97 leaves what a fleet can still write between two looks a second apart.
  fill: { conserving: 0.8, shedding: 0.9, readOnly: 0.97 },
  timeToFull: { conserving: 3_600, shedding: 600 },
  evictedShare: { conserving: 0.05, shedding: 0.2 },
  settle: 60_000,
}

const part = <T extends z.ZodRawShape>(shape: T) => z.strictObject(shape, { error: 'expected an object' }).optional()

export const pressureSchema = orFalse(
  z
    .strictObject({
      interval: duration('1s', '5m').optional(),
      fill: part({
        conserving: share(0.1, 1).optional(),
        shedding: share(0.1, 1).optional(),
        readOnly: share(0.1, 1).optional(),
      }),
      timeToFull: part({ conserving: duration(0, '7d').optional(), shedding: duration(0, '7d').optional() }),
      evictedShare: part({ conserving: share(0, 1).optional(), shedding: share(0, 1).optional() }),
      settle: duration('1s', '1h').optional(),
    })
    .superRefine(({ fill, timeToFull, evictedShare }, context) => {
      const ascends = (path: string, values: readonly number[], expected: string) => {
        if (values.every((value, index) => index === 0 || value >= (values[index - 1] ?? value))) return
        // What is no share has been told of already.
        if (path !== 'timeToFull' && values.some((value) => value > 1)) return
        context.addIssue({ code: 'custom', path: [path], message: expected })
      }
      const { conserving: low, shedding: middle, readOnly: high } = defaultPressure.fill
      ascends(
        'fill',
        [fill?.conserving ?? low, fill?.shedding ?? middle, fill?.readOnly ?? high],
        'expected conserving <= shedding <= readOnly',
      )
      const few = evictedShare?.conserving ?? defaultPressure.evictedShare.conserving
      ascends(
        'evictedShare',
        [few, evictedShare?.shedding ?? defaultPressure.evictedShare.shedding],
        'expected conserving <= shedding',
      )
      const { conserving = 3_600_000, shedding = 600_000 } = timeToFull ?? {}
      ascends('timeToFull', [shedding, conserving], 'expected conserving >= shedding')
    }),
)

type Given = Exclude<z.output<typeof pressureSchema>, false>

export function pressureSettings(given: Given): PressureSettings {
  const { interval, fill, timeToFull, evictedShare, settle } = defaultPressure
  const seconds = (milliseconds: number | undefined) => (milliseconds === undefined ? undefined : milliseconds / 1_000)
  return {
    interval: given.interval ?? interval,
    fill: {
      conserving: given.fill?.conserving ?? fill.conserving,
      shedding: given.fill?.shedding ?? fill.shedding,
      readOnly: given.fill?.readOnly ?? fill.readOnly,
    },
    timeToFull: {
      conserving: seconds(given.timeToFull?.conserving) ?? timeToFull.conserving,
      shedding: seconds(given.timeToFull?.shedding) ?? timeToFull.shedding,
    },
    evictedShare: {
      conserving: given.evictedShare?.conserving ?? evictedShare.conserving,
      shedding: given.evictedShare?.shedding ?? evictedShare.shedding,
    },
    settle: given.settle ?? settle,
  }
}
