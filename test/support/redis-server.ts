import { connect } from 'node:net'
import { findRedisServer, type RedisProgram } from '../../scripts/redis-server.ts'
import { freePort } from './free-port.ts'
import { launchRedisContainer } from './redis-container.ts'
import { launchRedisProcess } from './redis-process.ts'
import { until } from './until.ts'

export interface RedisServer {
  readonly port: number
  readonly url: string
  readonly kind: 'process' | 'container'
  /** Stops the server from running (SIGSTOP): connections stay open and nothing answers. */
  freeze(): Promise<void>
  thaw(): Promise<void>
  /** Ends the server without a farewell (SIGKILL); resolves once it is gone. */
  kill(): Promise<void>
  /** Starts it again, empty, on the same port; resolves when it answers. */
  start(): Promise<void>
  /** Ends it for good, frozen or dead as it may be. */
  stop(): Promise<void>
}

/** A redis-server that has been started: what differs between a process and a container. */
export interface RunningRedis {
  pause(): Promise<void>
  resume(): Promise<void>
  kill(): Promise<void>
  /** False until it listens: what answers on its port before may be somebody else's. */
  listens(): boolean
  /** Why it ended by itself, once it has. */
  ended(): string | undefined
}

/** A redis-server of its own on the loopback interface, that keeps nothing on disk. It ends with this process at the latest. */
export async function startRedisServer(
  settings: Readonly<Record<string, string>> = {},
  port?: number,
): Promise<RedisServer> {
  const program = await findRedisServer()
  if (port !== undefined) return start(program, settings, port)
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(program, settings, await freePort())
    } catch (error) {
      // Somebody else took the port since it was found free.
      if (attempt === 3 || !String(error).includes('Address already in use')) throw error
    }
  }
}

async function start(
  program: RedisProgram,
  settings: Readonly<Record<string, string>>,
  port: number,
): Promise<RedisServer> {
  // A name of its own: Redis would load what another server has left in its folder.
  const dbfilename = `plimsoll-${port}.rdb`
  const lines = configuration({
    ...{ bind: '127.0.0.1', save: '', appendonly: 'no', dbfilename },
    ...settings,
    port: String(port),
  })
  let running: RunningRedis | undefined = await launch(program, port, lines)

  async function kill(): Promise<void> {
    const dying = running
    running = undefined
    await dying?.kill()
  }

  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    kind: program.kind,
    freeze: async () => running?.pause(),
    thaw: async () => running?.resume(),
    kill,
    start: async () => {
      if (running) throw new Error('this redis-server is running already: kill() it before start()')
      running = await launch(program, port, lines)
    },
    stop: kill,
  }
}

async function launch(program: RedisProgram, port: number, lines: readonly string[]): Promise<RunningRedis> {
  const started =
    program.kind === 'process'
      ? launchRedisProcess(program.path, lines)
      : await launchRedisContainer(program.image, port, lines)
  try {
    await until(
      async () => started.ended() !== undefined || (started.listens() && (await answersPing(port))),
      'redis-server answers PING',
    )
    if (started.ended() !== undefined) throw new Error(`redis-server did not start: ${started.ended()}`)
    return started
  } catch (error) {
    await started.kill()
    throw error
  }
}

function configuration(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).map(([name, value]) => `${name} ${value === '' ? '""' : value}`)
}

export function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const finish = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(500, () => finish(false))
    socket.on('error', () => finish(false))
    socket.on('close', () => finish(false))
    socket.on('connect', () => socket.write('PING\r\n'))
    // A server that asks for a password answers too.
    socket.on('data', (reply) => finish(/^(\+PONG|-NOAUTH)/.test(reply.toString())))
  })
}
