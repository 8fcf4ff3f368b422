import { platform } from 'node:process'
import { isFree } from './free-port.ts'
import type { RunningRedis } from './redis-server.ts'

/** Starts redis-server in a Docker container with the given configuration lines. */
export async function launchRedisContainer(
  image: string,
  port: number,
  configuration: readonly string[],
): Promise<RunningRedis> {
  // Another server's answer on that port would be taken for this one's.
  if (!(await isFree(port))) throw new Error(`Address already in use: port ${port}`)
  const { GenericContainer, getContainerRuntimeClient } = await import('testcontainers')
  // The host's own network on Linux: loopback only, and cluster nodes reach each other. Elsewhere Docker runs in a virtual
  // machine, whose loopback interface is not ours: the port is published and the server has to listen inside.
  const onHost = platform === 'linux'
  const lines = onHost ? configuration : [...configuration, 'bind 0.0.0.0', 'protected-mode no']
  const server = new GenericContainer(image).withCommand([
    'sh',
    '-c',
    'printf "%s\\n" "$@" | redis-server -',
    'redis-server',
    ...lines,
  ])
  const started = await (onHost
    ? server.withNetworkMode('host')
    : server.withExposedPorts({ container: port, host: port })
  ).start()
  const runtime = await getContainerRuntimeClient()
  const container = runtime.container.getById(started.getId())
  return {
    pause: () => container.pause(),
    resume: () => container.unpause(),
    // Removal by force, for Docker does not send signals to a paused container.
    kill: () => container.remove({ force: true }),
    listens: () => true,
    ended: () => undefined,
  }
}
