import type { Evidence } from '../findings/evidence.ts'
import { refusesForPersistence } from '../findings/writes.ts'
import { defaultPressure } from '../options/pressure-options.ts'
import { Ladder } from '../pressure/ladder.ts'
import { keysOf } from '../pressure/looks.ts'
import { judge, modes, type Verdict } from '../pressure/mode.ts'
import type { TroubleClass } from '../redis/trouble.ts'

/** The mode that a cache in front of this node would be in, and why: by the same ladder, with its default thresholds. */
export function verdictOf(evidence: Evidence): Verdict {
  const { vitals, trend, forecast, line, fill, canEvict = false } = evidence
  const ladder = new Ladder(defaultPressure)
  const memoryEvidence = {
    fill,
    kills: line?.kills ?? false,
    canEvict,
    secondsToFull: forecast?.secondsToFull,
    fillPerSecond: line === undefined ? 0 : (trend?.usedPerSecond ?? 0) / line.bytes,
    evictedShare: trend?.evictedShare ?? 0,
  }
  const memory = ladder.step(memoryEvidence, vitals.at)
  return judge({
    readable: !vitals.loading,
    writable: true,
    refusal: refusalOf(evidence),
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
function refusalOf(evidence: Evidence): TroubleClass | undefined {
  const { vitals, trend, line, fill, canEvict = false } = evidence
  if (vitals.role === 'replica') return 'readonly'
  if (refusesForPersistence(evidence)) return 'misconf'
  const full = line?.source === 'maxmemory' && !canEvict && fill !== undefined && fill >= 1
  // Behind with its evictions it still takes writes, as long as there are keys to evict.
  const behind = canEvict && keysOf(vitals) !== 0
  const over = (trend?.evictionExceededLooks ?? 0) >= 2 && !behind
  return full || over || (trend?.oomErrors ?? 0) > 0 ? 'oom' : undefined
}
