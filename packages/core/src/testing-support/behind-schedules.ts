import fc from 'fast-check'
import { expect } from 'vitest'
import type { BehindTrial } from './behind-trial.ts'
import { choicesOf, conditionsOf, draws, runsOf } from './schedules.ts'
import type { Choice } from './simulated-world.ts'
import { settle } from './stepping-clock.ts'

/** What is asked of processes that write behind, and what must hold of it. */
interface Trial<Operation> {
  readonly behind: Pick<BehindTrial<never>, 'world' | 'close'>
  run(operations: readonly Operation[], choices: readonly Choice[]): Promise<void>
  /** What is wrong now that all is quiet. */
  faults(): Promise<string[]>
}

const conditions = conditionsOf(
  'source saves',
  'source has saved',
  'source reads',
  'take',
  'acknowledge',
  'append',
  'answered',
)

/** Whatever operations are begun, in whatever order, and whatever fails: no fault is left. */
export async function assertFaultless<Operation>(
  operation: fc.Arbitrary<Operation>,
  share: number,
  open: () => Trial<Operation>,
): Promise<void> {
  const operations = fc.array(operation, { minLength: 2, maxLength: 10 })
  const schedule = fc.record({ operations, conditions, draws })
  const property = fc.asyncProperty(schedule, async ({ operations, conditions, draws }) => {
    const trial = open()
    const { world } = trial.behind
    try {
      world.reluctance = conditions.reluctance
      await trial.run(operations, choicesOf(draws, conditions.faultsInAThousand))
      expect((await trial.faults()).join('\n')).toBe('')
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}\n  ${world.log.join('\n  ')}`)
    } finally {
      trial.behind.close()
      await settle()
    }
  })
  await fc.assert(property, { numRuns: runsOf(share) })
}
