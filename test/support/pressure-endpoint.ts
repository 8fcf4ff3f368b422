import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type Socket } from 'node:net'
import { joinSockets } from './join-sockets.ts'

export interface Endpoint {
  readonly url: string
  /** What is said from now on goes there; who is connected is cut off. */
  switchTo(port: number): void
}

/** An address that stays while the server behind it changes, as those of managed services do in a failover. */
export async function startEndpoint(afterwards: (step: () => unknown) => void, port: number): Promise<Endpoint> {
  const sockets = new Set<Socket>()
  let target = port
  const server = createServer((client) => {
    joinSockets(client, connect(target, '127.0.0.1'), sockets)
  })
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  afterwards(() => {
    server.close()
    cut()
  })
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    switchTo: (port) => {
      target = port
      cut()
    },
  }
}
