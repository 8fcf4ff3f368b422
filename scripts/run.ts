import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { reapWithThisProcess } from '../test/support/reaper.ts'

export const root = fileURLToPath(new URL('..', import.meta.url))

export class StepFailed extends Error {}

/** Runs a command and answers its output; when it fails, the error carries the output. */
export async function runCaptured(command: string, args: readonly string[]): Promise<string> {
  let output = ''
  const child = start(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const collect = (chunk: Buffer): void => {
    output += chunk
  }
  child.stdout?.on('data', collect)
  child.stderr?.on('data', collect)
  if (!(await succeeds(child))) throw new StepFailed(`${output.trim()}\n\nfailed: ${[command, ...args].join(' ')}`)
  return output
}

/** Runs a command whose output is shown as it comes; answers whether it succeeded. */
export function runShown(command: string, args: readonly string[]): Promise<boolean> {
  return succeeds(start(command, args, { stdio: ['ignore', 'inherit', 'inherit'] }))
}

function start(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  const colours = process.stdout.isTTY ? {} : { NO_COLOR: '1', FORCE_COLOR: undefined }
  const env = { ...process.env, ...colours }
  // A group of its own, so that Ctrl-C ends the command and all that it started, and not only those that care.
  const child = spawn(command, args, { ...options, cwd: root, env, detached: true })
  reapWithThisProcess(child)
  return child
}

function succeeds(child: ChildProcess): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const passOn = (signal: NodeJS.Signals): void => {
      killGroup(child, signal)
      child.once('close', () => {
        killGroup(child, 'SIGKILL')
        process.exit(signal === 'SIGINT' ? 130 : 143)
      })
    }
    process.once('SIGINT', passOn)
    process.once('SIGTERM', passOn)
    child.once('error', reject)
    child.once('close', (code) => {
      process.off('SIGINT', passOn)
      process.off('SIGTERM', passOn)
      resolve(code === 0)
    })
  })
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch {
    // The whole group has ended.
  }
}
