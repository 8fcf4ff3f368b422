import { afterEach } from 'vitest'

type Step = () => unknown

/** Registers steps that run after the test in which they were given, last first, whatever became of the test. */
export function cleanup(): (step: Step) => void {
  const steps: Step[] = []
  afterEach(async () => {
    const errors: unknown[] = []
    for (const step of steps.splice(0).reverse()) {
      try {
        await step()
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length > 0) throw errors[0]
  })
  return (step) => void steps.push(step)
}
