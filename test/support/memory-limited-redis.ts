import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { findRedisServer } from '../../scripts/redis-server.ts'
import { freePort } from './free-port.ts'
import { type MemoryLimitedGroup, makeMemoryLimitedGroup, memoryGroupsUnavailable } from './memory-limited-group.ts'
import { reapWithThisProcess } from './reaper.ts'
import { answersPing } from './redis-server.ts'
import { until } from './until.ts'

export interface MemoryLimitedOptions {
  /** Of the whole process, in bytes. Default 64 MiB. */
  readonly limit?: number
  /** Lines of redis.conf. Default: what Redis does by itself, with no persistence. */
  readonly settings?: Readonly<Record<string, string>>
  /** Between a death and the next start, in milliseconds. Default 1 second; a kubelet begins with next to nothing. */
  readonly restartDelay?: number
}

export interface Death {
  /** By `Date.now()`. */
  readonly at: number
  readonly signal: NodeJS.Signals
  /** As a container runtime reports it: 128 and the number of the signal. */
  readonly exitCode: number
  /** How often the kernel has killed in this group since it was made. */
  readonly oomKills: number
}

/** A redis-server that the kernel kills when it outgrows its limit, and that then comes back empty on the same port. */
export interface MemoryLimitedRedis {
  readonly url: string
  readonly port: number
  readonly limit: number
  deaths(): readonly Death[]
  /** What the kernel charges to it now, in bytes. */
  usage(): Promise<number>
  /** Ends it and starts it again, empty, on the same port with other settings: the fix. Not counted as a death. */
  restart(options?: Pick<MemoryLimitedOptions, 'limit' | 'settings'>): Promise<void>
  stop(): Promise<void>
}

const keptOutput = 4096
const exitCodeOfKill = 128 + 9

/** Why Redis cannot be run in a memory limit here, for the name of a test that is skipped; undefined where it can. */
export async function memoryLimitsAvailable(): Promise<string | undefined> {
  const program = await findRedisServer()
  if (program.kind !== 'process') return 'redis-server runs in a container here'
  return memoryGroupsUnavailable()
}

export async function startMemoryLimitedRedis(options: MemoryLimitedOptions = {}): Promise<MemoryLimitedRedis> {
  const program = await findRedisServer()
  if (program.kind !== 'process') throw new Error('a memory limit needs a redis-server that runs as a process')
  const { path } = program
  const port = await freePort()
  const deaths: Death[] = []
  let limit = options.limit ?? 64 * 1024 ** 2
  let settings = options.settings ?? {}
  let group = await makeMemoryLimitedGroup(limit)
  let child: ChildProcess | undefined
  let restarting: NodeJS.Timeout | undefined

  function launch(): void {
    const launched = spawnInGroup(path, group, { ...settings, port: String(port) })
    child = launched.child
    launched.child.once('exit', (code, signal) => void onExit(launched, code, signal))
  }

  async function onExit(launched: Launched, code: number | null, signal: NodeJS.Signals | null): Promise<void> {
    if (child !== launched.child) return
    const oomKills = await group.kills()
    if (child !== launched.child) return
    // Thrown outside of any caller: a death that is not the kernel's would look like a finding.
    if (signal !== 'SIGKILL' || oomKills === (deaths.at(-1)?.oomKills ?? 0)) {
      throw new Error(`redis-server ended by ${signal ?? `exit code ${code}`}, not by the kernel\n${launched.output()}`)
    }
    deaths.push({ at: Date.now(), signal, exitCode: exitCodeOfKill, oomKills })
    restarting = setTimeout(launch, options.restartDelay ?? 1_000)
  }

  async function end(): Promise<void> {
    clearTimeout(restarting)
    const ending = child
    child = undefined
    if (ending && ending.exitCode === null && ending.signalCode === null) {
      ending.kill('SIGKILL')
      await once(ending, 'exit')
    }
    await group.remove()
  }

  async function start(): Promise<void> {
    launch()
    await until(() => answersPing(port), 'redis-server answers PING in its memory limit')
  }

  try {
    await start()
  } catch (error) {
    await end()
    throw error
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get limit() {
      return limit
    },
    deaths: () => [...deaths],
    usage: () => group.usage(),
    restart: async (changed = {}) => {
      await end()
      limit = changed.limit ?? limit
      settings = changed.settings ?? settings
      group = await makeMemoryLimitedGroup(limit)
      await start()
    },
    stop: end,
  }
}

interface Launched {
  readonly child: ChildProcess
  output(): string
}

function spawnInGroup(path: string, group: MemoryLimitedGroup, settings: Readonly<Record<string, string>>): Launched {
  // The shell joins the group and becomes the server, so that every byte of the server is charged to the group.
  const join = ['-c', 'echo $$ > "$1" && exec "$2" -', 'sh', group.joinFile, path]
  const child = spawn('sh', join, { cwd: tmpdir(), detached: true, stdio: ['pipe', 'pipe', 'pipe'] })
  reapWithThisProcess(child)
  let output = ''
  const keep = (chunk: Buffer): void => {
    output = (output + chunk).slice(-keptOutput)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  child.stdin.on('error', () => {})
  child.stdin.end(`${configuration(settings).join('\n')}\n`)
  return { child, output: () => output }
}

function configuration(settings: Readonly<Record<string, string>>): string[] {
  const all = { bind: '127.0.0.1', save: '', appendonly: 'no', ...settings }
  return Object.entries(all).map(([name, value]) => `${name} ${value === '' ? '""' : value}`)
}
