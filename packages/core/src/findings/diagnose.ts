import { clientRules } from './client.ts'
import { connectionRules } from './connections.ts'
import { containerRules } from './container.ts'
import { evictionRules } from './eviction.ts'
import type { Evidence } from './evidence.ts'
import { type Finding, type FindingId, findingIds } from './finding.ts'
import { keyRules } from './keys.ts'
import { memoryRules } from './memory.ts'
import { persistenceRules } from './persistence.ts'
import { policyRules } from './policy.ts'
import type { Rules } from './rule.ts'
import { serverRules } from './server.ts'
import { rank } from './severity.ts'
import { telemetryRules } from './telemetry.ts'
import { writeRules } from './writes.ts'

const rules: Rules<FindingId> = {
  ...memoryRules,
  ...policyRules,
  ...evictionRules,
  ...writeRules,
  ...containerRules,
  ...keyRules,
  ...connectionRules,
  ...clientRules,
  ...persistenceRules,
  ...serverRules,
  ...telemetryRules,
}

/** What is wrong with one Redis, or will be on a bad night: the worst first, each finding once. Never throws. */
export function diagnose(evidence: Evidence): Finding[] {
  const found = findingIds.flatMap((id): Finding[] => {
    const diagnosis = rules[id](evidence)
    return diagnosis === undefined ? [] : [{ id, target: evidence.target, ...diagnosis }]
  })
  return rank(found)
}
