import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { reapWithThisProcess } from '../../test/support/reaper.ts'
import type { Tasks } from './tasks.ts'
import type { Assignment, Outcome } from './worker.ts'

export interface Worker {
  call<Name extends keyof Tasks>(
    task: Name,
    ...input: Parameters<Tasks[Name]>
  ): Promise<Awaited<ReturnType<Tasks[Name]>>>
  kill(): Promise<void>
}

const program = fileURLToPath(new URL('worker.ts', import.meta.url))

/** Starts a process that performs the tasks of tasks.ts. It ends with this process at the latest. */
export function startWorker(nodeOptions: readonly string[] = []): Worker {
  const child = fork(program, {
    execArgv: [...nodeOptions, '--import', import.meta.resolve('tsx')],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    // Production is what the libraries are measured in: some check more in development.
    env: { ...process.env, NODE_ENV: 'production' },
  })
  reapWithThisProcess(child)
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  let lastId = 0
  let errorOutput = ''
  child.stderr?.on('data', (chunk) => {
    errorOutput = (errorOutput + chunk).slice(-2000)
  })
  child.on('message', (outcome: Outcome) => {
    const waiter = waiting.get(outcome.id)
    waiting.delete(outcome.id)
    if ('error' in outcome) waiter?.reject(new Error(outcome.error))
    else waiter?.resolve(outcome.result)
  })
  const gone = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      for (const { reject } of waiting.values()) {
        reject(new Error(`a worker ended by ${signal ?? `exit code ${code}`}\n${errorOutput}`))
      }
      waiting.clear()
      resolve()
    })
  })

  return {
    call: (task, ...input) =>
      new Promise((resolve, reject) => {
        const id = ++lastId
        waiting.set(id, { resolve: resolve as (value: unknown) => void, reject })
        child.send({ id, task, input: input[0] } satisfies Assignment, (error) => {
          if (error && waiting.delete(id)) reject(error)
        })
      }),
    kill: () => {
      child.kill('SIGKILL')
      return gone
    },
  }
}
