import type { Evidence, Purpose } from '../findings/evidence.ts'
import type { Finding, RedHerring, Severity } from '../findings/finding.ts'
import { worstSeverity } from '../findings/severity.ts'
import type { Verdict } from '../pressure/mode.ts'
import type { DoctorOptions } from './doctor-options.ts'
import { exitCodes } from './exit-codes.ts'
import type { Ran } from './questions.ts'

/** All that one pass over one Redis brought to light. */
export interface Examination {
  /** Host and port, without user and password. */
  readonly address: string
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly purpose: Purpose
  /** The worst of the nodes. */
  readonly verdict: Verdict
  readonly nodes: readonly NodeExamination[]
  /** The worst first. */
  readonly findings: readonly Finding[]
  readonly redHerrings: readonly RedHerring[]
  /** What was not looked at, and how it would be, a line each. */
  readonly notLookedAt: readonly string[]
  /** What the files that were given left open, a line each. */
  readonly notes: readonly string[]
  readonly ran: readonly Ran[]
}

export interface NodeExamination {
  readonly target: string
  readonly verdict: Verdict
  readonly evidence: Evidence
}

/** What people brought along: files that were read, numbers that were given. */
export type Brought = Pick<Evidence, 'pod' | 'log' | 'declaredLimit'> & {
  readonly options: DoctorOptions
  readonly notes: readonly string[]
  /** As the manifest has it, to be compared with what is in force. */
  readonly written: { readonly maxmemory: number | undefined; readonly policy: string | undefined }
}

const codes: Record<Severity, number> = {
  info: exitCodes.fine,
  warning: exitCodes.warning,
  critical: exitCodes.critical,
}

/** Where INFO is denied no warning means nothing: that nothing was seen is no all-clear. */
export function exitCodeOf({ findings, nodes }: Pick<Examination, 'findings' | 'nodes'>): number {
  const worst = worstSeverity(findings)
  if (worst !== 'critical' && isBlind({ nodes })) return exitCodes.couldNotLook
  return worst === undefined ? exitCodes.fine : codes[worst]
}

export function isBlind({ nodes }: Pick<Examination, 'nodes'>): boolean {
  return nodes.some(({ evidence }) => evidence.vitals.origin !== 'info')
}
