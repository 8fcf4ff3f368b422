import fc from 'fast-check'
import type { Choice } from './simulated-world.ts'

/** What may be slow in a run; faults are many, few or none. */
export const conditionsOf = (...slow: readonly string[]) =>
  fc.record({
    reluctance: fc.constantFrom<(string | undefined)[]>(undefined, ...slow),
    faultsInAThousand: fc.constantFrom(0, 30, 100, 200),
  })

export const draws = fc.array(
  fc.record({
    pick: fc.oneof(
      { weight: 1, arbitrary: fc.constant(1) },
      { weight: 2, arbitrary: fc.constant('newest' as const) },
      { weight: 4, arbitrary: fc.nat(59) },
    ),
    fault: fc.nat(999),
    patience: fc.nat(11),
  }),
  { maxLength: 100, size: 'max' },
)
type Draws = typeof draws extends fc.Arbitrary<infer D> ? D : never

export function choicesOf(drawn: Draws, faultsInAThousand: number): Choice[] {
  return drawn.map(({ pick, fault, patience }) => ({
    pick,
    wrong: fault >= 1_000 - faultsInAThousand,
    patient: patience === 11,
  }))
}

/** More of them, to look harder: `INTERLEAVINGS=50000 npx vitest run --project unit <file>`. */
export const runsOf = (share: number) => Math.ceil(share * Number(process.env['INTERLEAVINGS'] ?? 5_000))
