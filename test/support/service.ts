import { type FleetProcess, startFleet } from './fleet.ts'
import type { ServiceCalls, ServiceOptions, ServiceRequest } from './service.worker.ts'
import { until } from './until.ts'

export interface ServiceProcess extends Pick<FleetProcess, 'pid' | 'kill' | 'stop'> {
  call<Name extends keyof ServiceCalls>(
    name: Name,
    ...args: Parameters<ServiceCalls[Name]>
  ): Promise<Awaited<ReturnType<ServiceCalls[Name]>>>
}

export interface Service {
  readonly processes: readonly ServiceProcess[]
  /** Fails where a promise was rejected and nobody heard of it, or a process does not end by itself. */
  stop(): Promise<void>
  kill(): Promise<void>
}

/** Starts processes of a service with a cache; each still has to `open` it. */
export async function startService(count: number, options: ServiceOptions): Promise<Service> {
  const fleet = await startFleet(new URL('./service.worker.ts', import.meta.url), count, [JSON.stringify(options)])
  const processes = fleet.processes.map(asServiceProcess)
  const kill = (): Promise<void> => fleet.kill('SIGKILL')
  return {
    processes,
    kill,
    stop: async () => {
      try {
        const living = fleet.processes.filter((member) => member.exit === undefined)
        const unhandled = await Promise.all(
          living.map((member) => member.request<readonly string[]>({ name: 'unhandled', args: [] })),
        )
        if (unhandled.flat().length > 0) throw new Error(`unhandled rejections:\n${unhandled.flat().join('\n')}`)
        await fleet.stop()
      } finally {
        await kill()
      }
    },
  }
}

export interface Control {
  /** The p99 of the requests made since the last call, in milliseconds. */
  p99(): Promise<number>
  stop(): Promise<void>
}

/**
 * The same requests to a process without a cache, at the same time: what takes long there takes long because of the source
 * and the machine.
 */
export async function startControl(loadTime: number, requestsPerSecond: number): Promise<Control> {
  const service = await startService(1, { loadTime })
  const [process] = service.processes as [ServiceProcess]
  await process.call('startTraffic', requestsPerSecond, 300)
  return { p99: async () => (await process.call('measure')).p99, stop: service.stop }
}

export async function untilHitsComeFromRedis(process: ServiceProcess): Promise<void> {
  const hits = async () => (await process.call('health')).namespaces['item']?.redisHits ?? 0
  const before = await hits()
  await until(async () => (await hits()) > before + 100, 'hits come from Redis')
}

export async function untilNormal(process: ServiceProcess): Promise<void> {
  await until(async () => {
    const { mode, redis, breakers } = await process.call('health')
    return mode === 'normal' && redis.channel === 'connected' && breakers.read === 'closed'
  }, 'the mode is normal, and the channel connected')
}

function asServiceProcess(member: FleetProcess): ServiceProcess {
  return {
    pid: member.pid,
    kill: (signal) => member.kill(signal),
    stop: () => member.stop(),
    call: (name, ...args) => member.request({ name, args } satisfies ServiceRequest),
  }
}
