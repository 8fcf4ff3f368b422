import { type Examination, exitCodeOf, type NodeExamination } from './examination.ts'

/** Fields are added within a version, never renamed or removed. */
export const schemaVersion = 1

/** One document on one line. What is not known is left out; a time to full that is not in sight is null. */
export function renderJson(examination: Examination): string {
  const { address, at, purpose, verdict, nodes, findings, redHerrings, notLookedAt, notes, ran } = examination
  const document = {
    schemaVersion,
    at: new Date(at).toISOString(),
    address,
    purpose,
    ...verdict,
    exitCode: exitCodeOf(examination),
    findings,
    redHerrings,
    nodes: nodes.map(nodeOf),
    notLookedAt,
    notes,
    commands: ran.map((one) => ({ ...one, milliseconds: Math.round(one.milliseconds * 1_000) / 1_000 })),
  }
  return `${JSON.stringify(document)}\n`
}

function nodeOf({ target, verdict, evidence }: NodeExamination) {
  const { vitals, trend, forecast, line, fill, canEvict, learned, declaredLimit, settings, commands, sample } = evidence
  return {
    ...{ target, ...verdict, vitals, line, fill, canEvict, declaredLimit, learned },
    ...{ trend, forecast, settings, commands, sample, budget: evidence.budget, pod: evidence.pod, log: evidence.log },
  }
}
