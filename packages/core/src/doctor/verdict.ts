import { defaultPressure } from '../options/pressure-options.ts'
import type { Forecast } from '../pressure/forecast.ts'
import { Ladder } from '../pressure/ladder.ts'
import type { MemoryLine } from '../pressure/memory-line.ts'
import { judge, modes, type Verdict } from '../pressure/mode.ts'
import type { Trend } from '../pressure/trend.ts'
import type { Vitals } from '../pressure/vitals.ts'
import type { TroubleClass } from '../redis/trouble.ts'

export interface Sight {
  readonly vitals: Vitals
  readonly trend: Trend | undefined
  readonly forecast: Forecast | undefined
  readonly line: MemoryLine | undefined
  readonly fill: number | undefined
  readonly canEvict: boolean
}

/** The mode that a cache in front of this node would be in, and why: by the same ladder, with its default thresholds. */
export function verdictOf(sight: Sight): Verdict {
  const { vitals, trend, forecast, line, fill, canEvict } = sight
  const ladder = new Ladder(defaultPressure)
  const evidence = {
    fill,
    kills: line?.kills ?? false,
    canEvict,
    secondsToFull: forecast?.secondsToFull,
    fillPerSecond: line === undefined ? 0 : (trend?.usedPerSecond ?? 0) / line.bytes,
    evictedShare: trend?.evictedShare ?? 0,
  }
  const memory = ladder.step(evidence, vitals.at)
  return judge({
    readable: !vitals.loading,
    writable: true,
    refusal: refusalOf(sight),
    memory,
    memoryReasons: ladder.reasons,
  })
}

export function worstVerdict(verdicts: readonly Verdict[]): Verdict {
  let worst: Verdict = { mode: 'normal', reasons: [] }
  for (const verdict of verdicts) if (modes.indexOf(verdict.mode) > modes.indexOf(worst.mode)) worst = verdict
  return worst
}

/** A doctor writes nothing, so it is told by what others met, and by what Redis would do. */
function refusalOf({ vitals, trend, line, fill, canEvict }: Sight): TroubleClass | undefined {
  if (vitals.role === 'replica') return 'readonly'
  if ((trend?.misconfErrors ?? 0) > 0) return 'misconf'
  const full = line?.source === 'maxmemory' && !canEvict && fill !== undefined && fill >= 1
  const over = (trend?.evictionExceededLooks ?? 0) >= 2
  return full || over || (trend?.oomErrors ?? 0) > 0 ? 'oom' : undefined
}
