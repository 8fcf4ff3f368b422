import type { Evidence } from '../findings/evidence.ts'
import { refusesForPersistence } from '../findings/writes.ts'
import { defaultPressure } from '../options/pressure-options.ts'
import { Ladder } from '../pressure/ladder.ts'
import { isRefusing, worstEvidence } from '../pressure/memory-evidence.ts'
import { judge, type Verdict } from '../pressure/mode.ts'
import type { TroubleClass } from '../redis/trouble.ts'

/** The mode that a cache in front of this node would be in, and why: by the same ladder, with its default thresholds. */
export function verdictOf(evidence: Evidence): Verdict {
  const { vitals } = evidence
  const ladder = new Ladder(defaultPressure)
  const memory = ladder.step(worstEvidence([evidence]), vitals.at)
  return judge({
    readable: !vitals.loading,
    writable: true,
    refusal: refusalOf(evidence),
    memory,
    memoryReasons: ladder.reasons,
  })
}

/** A doctor writes nothing, so it is told by what others met, and by what Redis would do. */
function refusalOf(evidence: Evidence): TroubleClass | undefined {
  const { vitals, trend, line, fill, canEvict = false } = evidence
  if (vitals.role === 'replica') return 'readonly'
  if (refusesForPersistence(evidence)) return 'misconf'
  const full = line?.source === 'maxmemory' && !canEvict && fill !== undefined && fill >= 1
  return full || isRefusing(evidence) || (trend?.oomErrors ?? 0) > 0 ? 'oom' : undefined
}
