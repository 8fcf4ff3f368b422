import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../../test/support/free-port.ts'
import { reapWithThisProcess } from '../../../test/support/reaper.ts'
import { until } from '../../../test/support/until.ts'

export type Framework = 'express' | 'fastify'

export interface RunningShop {
  readonly url: string
  /** Where health and metrics are. */
  readonly healthUrl: string
  /** What it has written to its logs so far. */
  output(): string
  /** Whether it reports itself as neither degraded nor ending. */
  isSound(): Promise<boolean>
  /** Tells it to end by SIGTERM; answers its exit code. */
  stop(): Promise<number | null>
}

const tsx = import.meta.resolve('tsx')
// Where the tsconfig.json is that takes @plimsoll/… for the sources.
const root = fileURLToPath(new URL('../../..', import.meta.url))

/** The shop in a process of its own, on free ports of the loopback interface; resolves when it is open. */
export async function startShop(framework: Framework, environment: NodeJS.ProcessEnv): Promise<RunningShop> {
  const [port, healthPort] = [await freePort(), await freePort()]
  const program = fileURLToPath(new URL(`../${framework}.ts`, import.meta.url))
  const child = spawn(process.execPath, ['--import', tsx, program], {
    cwd: root,
    env: {
      ...process.env,
      SESSION_SECRET: 'the secret of a test that is long enough',
      SECURE_COOKIES: 'false',
      LISTEN_ON: '127.0.0.1',
      PUBLIC_HOSTS: `127.0.0.1:${port}`,
      PORT: String(port),
      HEALTH_PORT: String(healthPort),
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  reapWithThisProcess(child)
  const exited = once(child, 'exit') as Promise<[number | null]>
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk
    })
  }
  await until(() => child.exitCode !== null || output.includes('is open at port'), 'the shop is open', 30_000)
  if (child.exitCode !== null) throw new Error(`the shop ended with exit code ${child.exitCode}\n${output}`)

  const healthUrl = `http://127.0.0.1:${healthPort}`
  return {
    url: `http://127.0.0.1:${port}`,
    healthUrl,
    output: () => output,
    isSound: async () => {
      const { status } = (await (await fetch(`${healthUrl}/readyz`)).json()) as { status: string }
      return status === 'ok'
    },
    stop: async () => {
      child.kill('SIGTERM')
      const [code] = await exited
      return code
    },
  }
}
