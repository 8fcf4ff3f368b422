import { spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import { reapWithThisProcess } from './reaper.ts'
import type { RunningRedis } from './redis-server.ts'

const keptOutput = 4096

/** Starts redis-server as a child process with the given configuration lines. */
export function launchRedisProcess(path: string, configuration: readonly string[]): RunningRedis {
  // In a session of its own: Ctrl-C in the terminal is for the parent, which decides what becomes of its servers.
  const child = spawn(path, ['-'], { cwd: tmpdir(), detached: true, stdio: ['pipe', 'pipe', 'pipe'] })
  reapWithThisProcess(child)
  let output = ''
  let ending: string | undefined
  let killed = false
  let ready = false
  const keep = (chunk: Buffer): void => {
    output = (output + chunk).slice(-keptOutput)
    if (/ready to accept connections/i.test(output)) ready = true
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  child.stdin.on('error', () => {})
  child.stdin.end(`${configuration.join('\n')}\n`)

  const gone = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      ending = error.message
      resolve()
    })
    child.once('exit', (code, signal) => {
      ending = `ended by ${signal ?? `exit code ${code}`}\n${output}`
      resolve()
      // Thrown outside of any caller: an unhandled error fails the test run, where a quiet death would look like a finding.
      if (ready && !killed) throw new Error(`redis-server (process ${child.pid}) ${ending}`)
    })
  })

  return {
    pause: async () => void child.kill('SIGSTOP'),
    resume: async () => void child.kill('SIGCONT'),
    kill: () => {
      killed = true
      child.kill('SIGKILL')
      return gone
    },
    listens: () => ready,
    ended: () => ending,
  }
}
