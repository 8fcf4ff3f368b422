import { type Finding, findingIds, type Severity, severities } from './finding.ts'

type Rated = Pick<Finding, 'id' | 'severity'>

/** Within a severity causes come before what follows from them, which is the order of `findingIds`. */
function bySeverity(one: Rated, other: Rated): number {
  return (
    severities.indexOf(other.severity) - severities.indexOf(one.severity) ||
    findingIds.indexOf(one.id) - findingIds.indexOf(other.id)
  )
}

export function isWorse(one: Severity, other: Severity): boolean {
  return severities.indexOf(one) > severities.indexOf(other)
}

/** A sorted copy, the worst first. */
export function rank<Each extends Rated>(findings: readonly Each[]): Each[] {
  return [...findings].sort(bySeverity)
}

/** Undefined where there is no finding. */
export function worstSeverity(findings: readonly Pick<Finding, 'severity'>[]): Severity | undefined {
  return [...severities].reverse().find((severity) => findings.some((finding) => finding.severity === severity))
}
