import type { Evidence } from './evidence.ts'
import type { Finding, FindingId, Severity } from './finding.ts'

/** A finding before it has its name and target, which are the same for all that a rule says. */
export type Diagnosis = Omit<Finding, 'id' | 'target'>

/** Undefined is: not so, or not looked at. Rules are pure and never throw. */
export type Rule = (evidence: Evidence) => Diagnosis | undefined

export type Rules<Id extends FindingId> = Readonly<Record<Id, Rule>>

/** How bad a number is, by the thresholds that it exceeds. */
export function graded(value: number | undefined, warning: number, critical: number): Severity | undefined {
  if (value === undefined || !(value > warning)) return undefined
  return value > critical ? 'critical' : 'warning'
}

/** Undefined where a part is not known, or the whole is nothing. */
export function ratio(part: number | undefined, whole: number | undefined): number | undefined {
  return part === undefined || whole === undefined || whole <= 0 ? undefined : part / whole
}

/** Those lines of evidence that there is something to say for. */
export function lines(...all: readonly (string | false | undefined)[]): string[] {
  return all.filter((line): line is string => typeof line === 'string')
}
