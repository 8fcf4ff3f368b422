import { countStray, tasks } from './tasks.ts'

// One library in a process of its own: measured without the others' garbage, and killed without harm.

export interface Assignment {
  readonly id: number
  readonly task: string
  readonly input: unknown
}

export type Outcome =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string }

process.on('message', ({ id, task, input }: Assignment) => {
  const perform = (tasks as Record<string, (input: unknown) => Promise<unknown>>)[task]
  Promise.resolve(input)
    .then((given) => perform?.(given))
    .then(
      (result) => answer({ id, result }),
      (error: unknown) =>
        answer({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    )
})

function answer(outcome: Outcome): void {
  if (process.connected) process.send?.(outcome)
}

process.on('unhandledRejection', countStray)
process.on('uncaughtException', countStray)
// Ctrl-C in the terminal reaches the whole group; the parent decides, and its end closes the channel.
process.on('SIGINT', () => {})
process.on('disconnect', () => process.exit())
