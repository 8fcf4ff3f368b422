import { once } from 'node:events'
import type { Server } from 'node:http'

/** What an orchestrator asks before it sends requests. */
export interface Readiness {
  ready: boolean
}

export async function listening(server: Server, port: number, host: string): Promise<Server> {
  server.listen(port, host)
  await once(server, 'listening')
  return server
}

/** Resolves when the process is told to end, which is not ready from then on. A second signal ends it at once. */
export function toldToEnd(readiness: Readiness): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      readiness.ready = false
      process.off('SIGTERM', end).off('SIGINT', end)
      resolve()
    }
    process.on('SIGTERM', end).on('SIGINT', end)
  })
}

/** Longer than any request should take, and shorter than an orchestrator's patience. */
const longestRequest = 10_000

/** Takes no more requests, and resolves once those under way are answered. */
export async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  // A connection that is kept alive becomes idle when its request has been answered, and would wait for another.
  const idle = setInterval(() => server.closeIdleConnections(), 100)
  const late = setTimeout(() => server.closeAllConnections(), longestRequest)
  await closed
  clearInterval(idle)
  clearTimeout(late)
}
