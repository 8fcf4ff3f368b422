import type { Finding, Severity } from './finding.ts'
import { isWorse } from './severity.ts'

export interface FindingNews {
  /** Found for the first time, or worse than before. */
  readonly found: readonly Finding[]
  readonly gone: readonly { readonly id: string; readonly target: string }[]
}

interface Known {
  readonly id: string
  readonly target: string
  severity: Severity
  seenAt: number
}

// What comes and goes at its threshold is one finding.
const goneAfter = 60_000

/** Which findings are worth a line in the log: once when found, once when worse, once when gone for a minute. */
export class FindingLog {
  readonly #known = new Map<string, Known>()

  /** `now` in milliseconds of the clock. Findings of severity `info` are for those who ask. */
  note(findings: readonly Finding[], now: number): FindingNews {
    const found: Finding[] = []
    for (const finding of findings) {
      const { id, target, severity } = finding
      if (severity === 'info') continue
      const known = this.#known.get(`${target} ${id}`)
      if (known === undefined || isWorse(severity, known.severity)) {
        found.push(finding)
        this.#known.set(`${target} ${id}`, { id, target, severity, seenAt: now })
      } else known.seenAt = now
    }
    const gone: Known[] = []
    for (const [key, known] of this.#known) {
      // A clock that was set back must not keep it for hours.
      if (Math.abs(now - known.seenAt) < goneAfter) continue
      this.#known.delete(key)
      gone.push(known)
    }
    return { found, gone: gone.map(({ id, target }) => ({ id, target })) }
  }
}
