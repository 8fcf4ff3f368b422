import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { reapWithThisProcess } from './reaper.ts'

export interface MetricsService {
  readonly url: string
  /** The body of an answer; fails where the answer is an error. */
  get(path: string): Promise<string>
  /** Asks it to end; answers its exit code. */
  stop(): Promise<number | null>
}

const program = fileURLToPath(new URL('../../examples/metrics-service/service.ts', import.meta.url))

/** The example service in a process of its own, on a free port. */
export async function startMetricsService(environment: NodeJS.ProcessEnv): Promise<MetricsService> {
  const child = spawn(process.execPath, ['--import', 'tsx', program], {
    env: { ...process.env, REDIS_URL: undefined, ...environment, PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  reapWithThisProcess(child)
  const exited = once(child, 'exit') as Promise<[number | null]>
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk
  })
  const url = await Promise.race([
    once(child.stdout, 'data').then(([chunk]) => String(chunk).trim()),
    exited.then(([code]) => Promise.reject(new Error(`the service ended with code ${code}\n${errors}`))),
  ])
  return {
    url,
    get: async (path) => {
      const response = await fetch(`${url}${path}`)
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
      return response.text()
    },
    stop: async () => {
      child.kill('SIGTERM')
      const [code] = await exited
      return code
    },
  }
}
