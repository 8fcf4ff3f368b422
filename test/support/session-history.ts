/** What one process did to one session, at times in milliseconds that all processes of this machine share. */
export interface SessionEvent {
  readonly process: number
  readonly handle: string
  readonly kind: 'write' | 'destroy' | 'read'
  readonly start: number
  readonly end: number
  /** Of a write what it wrote, of a read what it saw; undefined where there was no session, and of a destruction. */
  readonly version: number | undefined
  /** A write or destruction that failed, or was refused, may have been done nevertheless. */
  readonly acknowledged: boolean
  /** Whether Redis was told of a change in time. What it was not told, for want of an answer, it is told soon after. */
  readonly told: boolean
}

/** When a process could not reach Redis, or nobody could. */
export interface Outage {
  /** Undefined: all of them. */
  readonly process: number | undefined
  readonly start: number
  readonly end: number
}

export interface Finding {
  readonly what: 'older version' | 'destroyed session' | 'logged out'
  readonly read: SessionEvent
  /** What had been acknowledged before the read began. */
  readonly missed: SessionEvent | undefined
}

export interface Verdict {
  /** Must be empty. */
  readonly violations: readonly Finding[]
  /** Reads by other processes of what was written while its writer could not reach Redis, and for a moment after. */
  readonly allowed: readonly Finding[]
}

/** How long after an outage of the writer's others may still read the older version. */
export const inStepWithin = 3_000

/**
 * Holds reads against acknowledged writes: no read may see less than what had been acknowledged when it began, if it
 * was written by the same process, or if the writer had Redis within reach, or has had it again for a while.
 */
export function judgeHistory(events: readonly SessionEvent[], outages: readonly Outage[]): Verdict {
  const violations: Finding[] = []
  const allowed: Finding[] = []
  const byHandle = new Map<string, SessionEvent[]>()
  for (const event of events) byHandle.set(event.handle, [...(byHandle.get(event.handle) ?? []), event])
  for (const history of byHandle.values()) {
    const changes = history.filter(({ kind, acknowledged }) => kind !== 'read' && acknowledged)
    const known = changes.map((change) => ({ change, from: knownFrom(change, outages) }))
    const firstDestruction = Math.min(...history.filter(({ kind }) => kind === 'destroy').map(({ start }) => start))
    for (const read of history) {
      if (read.kind !== 'read') continue
      if (read.version === undefined) {
        const created = changes.find(({ kind, end }) => kind === 'write' && end < read.start)
        // Nobody had tried to destroy it when it was looked for.
        if (created !== undefined && read.end < firstDestruction) {
          violations.push({ what: 'logged out', read, missed: created })
        }
        continue
      }
      const missed = known.filter(({ change }) => change.end < read.start && isNewer(change, read.version))
      const worst = missed.find(({ change, from }) => change.process === read.process || from < read.start) ?? missed[0]
      if (worst === undefined) continue
      const { change, from } = worst
      const what = change.kind === 'destroy' ? 'destroyed session' : 'older version'
      const isViolation = change.process === read.process || from < read.start
      const list = isViolation ? violations : allowed
      list.push({ what, read, missed: change })
    }
  }
  return { violations, allowed }
}

function isNewer(change: SessionEvent, version: number | undefined): boolean {
  return change.kind === 'destroy' || (change.version ?? 0) > (version ?? 0)
}

/** From when on everybody must see a change: at once, or when its writer has had Redis within reach for a while. */
function knownFrom({ process, start, end, told }: SessionEvent, outages: readonly Outage[]): number {
  const own = outages.filter((outage) => outage.process === undefined || outage.process === process)
  const wasWell = own.every((outage) => outage.end + inStepWithin < start || outage.start > end)
  if (wasWell) return told ? end : end + inStepWithin
  let from = end
  for (const outage of own.sort((left, right) => left.start - right.start)) {
    if (outage.start <= from) from = Math.max(from, outage.end + inStepWithin)
  }
  return from
}
