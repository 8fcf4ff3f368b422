import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { createServer } from 'node:tls'
import { freePort } from './free-port.ts'
import { joinSockets } from './join-sockets.ts'
import { type Certificate, selfSignedCertificate } from './tls-certificate.ts'

export interface TlsTerminator {
  readonly port: number
  readonly certificate: Certificate
  stop(): Promise<void>
}

/** Speaks TLS in front of a server that does not: not every redis-server is built with it. */
export async function startTlsTerminator(targetPort: number): Promise<TlsTerminator> {
  const certificate = selfSignedCertificate()
  const port = await freePort()
  const sockets = new Set<Socket>()
  const server = createServer({ cert: certificate.cert, key: certificate.key }, (client) => {
    joinSockets(client, connect(targetPort, '127.0.0.1'), sockets)
  })
  server.on('tlsClientError', () => {})
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    port,
    certificate,
    stop: async () => {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
}
