import type { SessionsHealth, SessionsOptions, SessionsStatistics } from '../../packages/core/src/session/index.ts'
import { startFleet } from './fleet.ts'

/** What a process of the service is started with, as JSON. */
export interface SessionServiceOptions extends Omit<SessionsOptions, 'name' | 'userOf' | 'backing'> {
  /** The URL of a PostgreSQL that keeps the sessions. */
  readonly backing?: string
  /** Which Express it runs on; 5 by default. */
  readonly express?: 4 | 5
}

/** What a process of such a service is asked beside HTTP. */
export type SessionServiceRequest = 'url' | 'health' | 'statistics'

export interface SessionServiceProcess {
  readonly url: string
  readonly pid: number
  health(): Promise<SessionsHealth>
  statistics(): Promise<SessionsStatistics>
  kill(signal?: NodeJS.Signals): Promise<void>
}

export interface SessionService {
  readonly processes: readonly [SessionServiceProcess, ...SessionServiceProcess[]]
  /** Fails where a process does not end by itself. */
  stop(): Promise<void>
}

/** Starts processes of a service with logins and carts; `worker` answers the requests above. */
export async function startSessionService(
  worker: URL,
  options: SessionServiceOptions,
  count = 1,
): Promise<SessionService> {
  const fleet = await startFleet(worker, count, [JSON.stringify(options)], { NODE_ENV: 'production' })
  const urls = await fleet.request<string>('url' satisfies SessionServiceRequest)
  const processes = fleet.processes.map((member, index) => ({
    url: urls[index] ?? '',
    pid: member.pid,
    health: () => member.request<SessionsHealth>('health' satisfies SessionServiceRequest),
    statistics: () => member.request<SessionsStatistics>('statistics' satisfies SessionServiceRequest),
    kill: (signal?: NodeJS.Signals) => member.kill(signal),
  }))
  return {
    processes: processes as [SessionServiceProcess, ...SessionServiceProcess[]],
    stop: async () => {
      try {
        await fleet.stop()
      } finally {
        await fleet.kill('SIGKILL')
      }
    },
  }
}
