import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { ReplyMessage, RequestMessage } from './fleet-worker.ts'
import { reapWithThisProcess } from './reaper.ts'
import { until } from './until.ts'

export interface FleetExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface FleetProcess {
  readonly pid: number
  readonly exit: FleetExit | undefined
  readonly stderr: string
  /** What the worker answered; fails when it threw or ended before it did. */
  request<Reply>(message: unknown): Promise<Reply>
  /** Sends a signal; resolves once the process is gone where the signal ends it (not for SIGSTOP and SIGCONT). */
  kill(signal?: NodeJS.Signals): Promise<void>
  /** Asks the worker to close and waits until the process ends by itself; fails when it does not, or not with code 0. */
  stop(): Promise<void>
}

export interface Fleet {
  readonly processes: readonly FleetProcess[]
  /** Asks all at once: one answer for each process, in their order. */
  request<Reply>(message: unknown): Promise<Reply[]>
  kill(signal?: NodeJS.Signals): Promise<void>
  stop(): Promise<void>
}

const endsWithin = 10_000
const startsWithin = 30_000
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href

/**
 * Starts several processes of one worker file, which calls `answerRequests` of fleet-worker.ts; resolves when all have.
 * A process that ends without having been told to fails the caller: its open requests, or else the whole test run.
 */
export async function startFleet(
  workerFile: string | URL,
  count: number,
  args: readonly string[] = [],
  environment: NodeJS.ProcessEnv = {},
): Promise<Fleet> {
  const path = workerFile instanceof URL ? fileURLToPath(workerFile) : workerFile
  const members = Array.from({ length: count }, () => startProcess(path, args, environment))
  try {
    await Promise.all(members.map((member) => member.ready()))
  } catch (error) {
    await Promise.all(members.map((member) => member.kill('SIGKILL')))
    throw error
  }
  return {
    processes: members,
    request: (message) => Promise.all(members.map((member) => member.request<never>(message))),
    kill: async (signal) => void (await Promise.all(members.map((member) => member.kill(signal)))),
    stop: async () => {
      const results = await Promise.allSettled(members.map((member) => member.stop()))
      for (const result of results) if (result.status === 'rejected') throw result.reason
    },
  }
}

interface OpenRequest {
  resolve(value: unknown): void
  reject(error: Error): void
}

interface StartedProcess extends FleetProcess {
  ready(): Promise<void>
}

function startProcess(path: string, args: readonly string[], environment: NodeJS.ProcessEnv): StartedProcess {
  const child: ChildProcess = fork(path, args, {
    // In a session of its own: Ctrl-C in the terminal is for the parent, which then ends its fleet.
    detached: true,
    env: { ...process.env, ...environment },
    execArgv: ['--import', tsx],
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  })
  reapWithThisProcess(child)

  const open = new Map<number, OpenRequest>()
  const ended = once(child, 'close')
  let lastId = 0
  let isReady = false
  let expectedToEnd = false
  let exit: FleetExit | undefined
  let stderr = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk
  })

  child.on('message', (message: ReplyMessage | 'ready') => {
    if (message === 'ready') {
      isReady = true
      return
    }
    const request = open.get(message.id)
    open.delete(message.id)
    if ('error' in message) request?.reject(new Error(`a worker of ${path} failed: ${message.error}`))
    else request?.resolve(message.reply)
  })

  const describeEnd = (): string =>
    `a worker of ${path} ended by ${exit?.signal ?? `exit code ${exit?.code}`}\n${stderr}`

  // 'close' comes after the last of stderr has been read.
  child.once('close', (code, signal) => {
    exit = { code, signal }
    const unanswered = [...open.values()]
    open.clear()
    for (const request of unanswered) request.reject(new Error(describeEnd()))
    if (isReady && !expectedToEnd && unanswered.length === 0) throw new Error(`${describeEnd()}(nobody told it to)`)
  })

  function request<Reply>(message: unknown): Promise<Reply> {
    return new Promise<Reply>((resolve, reject) => {
      if (exit) return reject(new Error(describeEnd()))
      const id = ++lastId
      open.set(id, { resolve: resolve as (value: unknown) => void, reject })
      child.send({ id, message } satisfies RequestMessage)
    })
  }

  async function kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (exit) return
    const pauses = signal === 'SIGSTOP' || signal === 'SIGCONT'
    if (!pauses) expectedToEnd = true
    child.kill(signal)
    if (!pauses) await ended
  }

  async function stop(): Promise<void> {
    if (exit || expectedToEnd) {
      await ended
      return
    }
    expectedToEnd = true
    child.send('stop')
    try {
      await until(() => exit !== undefined, `a worker of ${path} ends by itself after stop()`, endsWithin)
    } catch (error) {
      await kill('SIGKILL')
      throw error
    }
    if ((exit as FleetExit | undefined)?.code !== 0) throw new Error(describeEnd())
  }

  return {
    pid: child.pid ?? -1,
    get exit() {
      return exit
    },
    get stderr() {
      return stderr
    },
    request,
    kill,
    stop,
    ready: async () => {
      await until(() => isReady || exit !== undefined, `a worker of ${path} calls answerRequests`, startsWithin)
      if (exit) throw new Error(describeEnd())
    },
  }
}
