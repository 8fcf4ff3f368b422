import type { Frame } from './run.ts'
import { type SideName, sideNames } from './side.ts'
import type { Summary } from './tally.ts'
import type { Step, TroubleName } from './troubles.ts'

export interface SideOutcome extends Summary {
  readonly peakQueriesPerSecond: number
}

export interface TroubleOutcome {
  readonly trouble: TroubleName
  readonly title: string
  readonly seconds: number
  readonly plimsoll: SideOutcome
  readonly plain: SideOutcome
}

export interface Setting {
  readonly seconds: number
  readonly requestsPerSecond: number
  readonly workersPerSide: number
  readonly workload: string
  readonly database: string
}

/** The result of a run. A trouble's row holds the requests sent from its beginning until the next trouble began. */
export interface Outcome {
  readonly setting: Setting
  readonly troubles: readonly TroubleOutcome[]
  readonly sentence: string
  readonly timeline: readonly Frame[]
}

export function outcomeOf(
  steps: readonly Step[],
  phases: readonly Readonly<Record<string, Summary>>[],
  timeline: readonly Frame[],
  setting: Setting,
): Outcome {
  const troubles = steps.map((step, index): TroubleOutcome => {
    const [plimsoll, plain] = sideNames.map((name): SideOutcome => {
      const summary = phases[index]?.[name]
      if (!summary) throw new Error(`nothing was measured for "${step.title}"`)
      return { ...summary, peakQueriesPerSecond: peakQueries(timeline, index, name) }
    })
    if (!plimsoll || !plain) throw new Error('a side is missing')
    return { trouble: step.name, title: step.title, seconds: step.seconds + step.recovery, plimsoll, plain }
  })
  return { setting, troubles, sentence: sentenceOf(troubles), timeline }
}

function peakQueries(timeline: readonly Frame[], step: number, side: SideName): number {
  return Math.max(
    0,
    ...timeline.filter((frame) => frame.step === step).map((frame) => frame.sides[side].queriesPerSecond),
  )
}

function sentenceOf(troubles: readonly TroubleOutcome[]): string {
  const answered = (side: SideName): number => troubles.reduce((sum, trouble) => sum + trouble[side].answered, 0)
  const sent = troubles.reduce((sum, trouble) => sum + trouble.plimsoll.sent, 0)
  const count = (number: number): string =>
    number === sent ? `all ${number.toLocaleString('en')}` : number.toLocaleString('en')
  return (
    `Of ${sent.toLocaleString('en')} requests to each shop, the one on Plimsoll answered ${count(answered('plimsoll'))}, ` +
    `the one on plain cache-aside ${count(answered('plain'))}.`
  )
}
