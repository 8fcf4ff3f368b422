import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from './free-port.ts'

export interface TcpProxy {
  readonly port: number
  /** Drops all connections and refuses new ones. */
  cut(): Promise<void>
  /** Keeps and accepts connections, and lets nothing pass, in either direction, until restored. */
  stall(): void
  /** Lets what the server says arrive so much later. */
  delay(milliseconds: number): void
  /** Everything passes again at once; what was held back by a stall passes first. */
  restore(): Promise<void>
  stop(): Promise<void>
}

/** A network between a client and a server on the loopback interface that can be troubled at will. */
export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const port = await freePort()
  const sockets = new Set<Socket>()
  let server: Server | undefined
  let delay = 0
  let stalled: PromiseWithResolve | undefined

  function track(socket: Socket): Socket {
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    return socket
  }

  function pass(from: Socket, to: Socket, latency: () => number): void {
    let tail: Promise<unknown> = Promise.resolve()
    const inOrder = (deliver: () => void): void => {
      const arrival = latency() > 0 ? pause(latency()) : undefined
      tail = tail
        .then(() => arrival)
        .then(() => stalled?.promise)
        .then(deliver)
    }
    from.on('data', (chunk) =>
      inOrder(() => {
        if (to.destroyed || to.write(chunk)) return
        from.pause()
        to.once('drain', () => from.resume())
      }),
    )
    from.on('end', () => inOrder(() => to.end()))
    from.on('close', () => inOrder(() => to.destroy()))
  }

  async function listen(): Promise<void> {
    server = createServer((client) => {
      const upstream = track(connect(targetPort, '127.0.0.1'))
      pass(track(client), upstream, () => 0)
      pass(upstream, client, () => delay)
    })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  }

  function release(): void {
    stalled?.resolve()
    stalled = undefined
  }

  async function cut(): Promise<void> {
    const closing = server
    server = undefined
    const closed = closing && once(closing, 'close')
    closing?.close()
    for (const socket of sockets) socket.destroy()
    release()
    await closed
  }

  await listen()
  return {
    port,
    cut,
    stall: () => {
      stalled ??= promiseWithResolve()
    },
    delay: (milliseconds) => {
      delay = milliseconds
    },
    restore: async () => {
      delay = 0
      release()
      if (!server) await listen()
    },
    stop: cut,
  }
}

interface PromiseWithResolve {
  readonly promise: Promise<void>
  readonly resolve: () => void
}

function promiseWithResolve(): PromiseWithResolve {
  let resolve = (): void => {}
  const promise = new Promise<void>((fulfil) => {
    resolve = fulfil
  })
  return { promise, resolve }
}
