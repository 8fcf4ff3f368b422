import { test as base } from 'vitest'

type Afterwards = (step: () => unknown) => void

/** A test with steps that run after it, last first, whatever became of it. They are its own: several tests may run at once. */
export const test = base.extend<{ afterwards: Afterwards }>({
  afterwards: async ({ onTestFinished }, use) => {
    await use((step) =>
      onTestFinished(async () => {
        await step()
      }),
    )
  },
})
