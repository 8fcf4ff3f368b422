import { createServer } from 'node:net'

// Below every system's range for outgoing connections: a client that reconnects to a port in that range while nothing
// listens there can be given the very same port and be connected to itself.
const lowest = 10_000
const count = 10_000
const clusterBusOffset = 10_000

/** A port free on the loopback interface, whose Redis Cluster bus port is free too. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = lowest + Math.floor(Math.random() * count)
    if ((await isFree(port)) && (await isFree(port + clusterBusOffset))) return port
  }
  throw new Error(`no free port found between ${lowest} and ${lowest + count}`)
}

/** Whether nobody listens there on the loopback interface. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
