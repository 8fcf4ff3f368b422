import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../packages/core/src/doctor/main.ts', import.meta.url))
const loader = import.meta.resolve('tsx')

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  readonly milliseconds: number
}

export interface Running {
  readonly child: ChildProcess
  readonly stdout: () => string
  readonly ended: Promise<Ended>
}

/** Starts the command as people do, but from its source. */
export function startPlimsoll(argv: readonly string[], environment: Readonly<Record<string, string>> = {}): Running {
  const started = performance.now()
  const { REDIS_URL: _, ...inherited } = process.env
  const child = spawn(process.execPath, ['--import', loader, main, ...argv], {
    env: { ...inherited, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A command that does not end by itself fails its test, and does not outlive it.
    timeout: 50_000,
    killSignal: 'SIGKILL',
  })
  const texts = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text
    })
  }
  const ended = once(child, 'close').then(([code]) => ({
    ...texts,
    code: code as number | null,
    milliseconds: performance.now() - started,
  }))
  return { child, stdout: () => texts.stdout, ended }
}

export function plimsoll(...argv: readonly string[]): Promise<Ended> {
  return startPlimsoll(argv).ended
}
