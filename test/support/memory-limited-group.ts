import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A control group with a memory limit: what a container's memory limit is made of. The kernel kills what outgrows it. */
export interface MemoryLimitedGroup {
  /** A process that writes its number into this file is limited from then on, and its children with it. */
  readonly joinFile: string
  /** What is charged to it, in bytes. The first version charges page cache and socket buffers as well. */
  usage(): Promise<number>
  /** How often the kernel has killed a process in it. */
  kills(): Promise<number>
  /** Kills what is left in it and removes it. Happens by itself when this process ends, in whatever way it ends. */
  remove(): Promise<void>
}

/** The two interfaces of the kernel; a machine has its memory controller in one of them. */
export interface ControllerVersion {
  readonly limit: string
  /** Where swap is bounded, if the machine accounts for it, and to what: no container of Kubernetes may swap. */
  readonly swap: { readonly file: string; readonly bytes: (limit: number) => number }
  readonly usage: string
  readonly events: string
}

const versions: readonly { readonly root: string; readonly version: ControllerVersion }[] = [
  {
    root: '/sys/fs/cgroup/memory',
    version: {
      limit: 'memory.limit_in_bytes',
      // The bound of the first version is on memory and swap together.
      swap: { file: 'memory.memsw.limit_in_bytes', bytes: (limit) => limit },
      usage: 'memory.usage_in_bytes',
      events: 'memory.oom_control',
    },
  },
  {
    root: '/sys/fs/cgroup',
    version: {
      limit: 'memory.max',
      swap: { file: 'memory.swap.max', bytes: () => 0 },
      usage: 'memory.current',
      events: 'memory.events',
    },
  },
]

let made = 0

/** Why a process cannot be given a memory limit here; undefined where it can. Tried, not guessed from rights. */
export async function memoryGroupsUnavailable(): Promise<string | undefined> {
  try {
    const group = await makeMemoryLimitedGroup(64 * 1024 ** 2)
    await group.remove()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** A group with a name of its own, directly below the root of the memory controller. */
export async function makeMemoryLimitedGroup(limit: number): Promise<MemoryLimitedGroup> {
  const { root, version } = findController()
  const folder = join(root, `plimsoll-test-${process.pid}-${made++}`)
  await mkdir(folder)
  const remove = keepUntilRemoved(folder)
  try {
    await setLimit(folder, version, limit)
  } catch (error) {
    await remove()
    throw error
  }
  return { joinFile: join(folder, 'cgroup.procs'), ...readings(folder, version), remove }
}

function findController(): { root: string; version: ControllerVersion } {
  const [first, second] = versions as [(typeof versions)[number], (typeof versions)[number]]
  if (existsSync(join(first.root, first.version.limit))) return first
  const controllers = join(second.root, 'cgroup.controllers')
  if (!existsSync(controllers)) throw new Error('no control groups are mounted at /sys/fs/cgroup')
  if (!/\bmemory\b/.test(readFileSync(join(second.root, 'cgroup.subtree_control'), 'utf8'))) {
    throw new Error('the memory controller is not handed down at /sys/fs/cgroup (cgroup.subtree_control)')
  }
  return second
}

export async function setLimit(folder: string, version: ControllerVersion, limit: number): Promise<void> {
  await writeFile(join(folder, version.limit), String(limit))
  const swap = join(folder, version.swap.file)
  if (existsSync(swap)) await writeFile(swap, String(version.swap.bytes(limit)))
}

export function readings(folder: string, version: ControllerVersion): Pick<MemoryLimitedGroup, 'usage' | 'kills'> {
  return {
    usage: async () => Number(await readFile(join(folder, version.usage), 'utf8')),
    kills: async () => Number(/^oom_kill (\d+)$/m.exec(await readFile(join(folder, version.events), 'utf8'))?.[1]),
  }
}

export const secondVersion = (versions[1] as (typeof versions)[number]).version

// Waits until its input closes, which it does however this process ends (SIGKILL too), then kills what is left in the
// group and removes it. In a session of its own, so that Ctrl-C in the terminal does not end it first.
const script = `
cat > /dev/null
tries=0
until rmdir "$1" || [ $tries -eq 100 ]; do
  for pid in $(cat "$1/cgroup.procs"); do kill -9 "$pid"; done
  tries=$((tries + 1))
  sleep 0.05
done
`

function keepUntilRemoved(folder: string): () => Promise<void> {
  const keeper = spawn('sh', ['-c', script, 'sh', folder], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  const ended = once(keeper, 'exit')
  keeper.unref()
  const input = keeper.stdin as typeof keeper.stdin & { unref(): void }
  input.unref()
  input.on('error', () => {})
  return async () => {
    keeper.ref()
    input.end()
    await ended
    if (existsSync(folder)) await rmdir(folder)
  }
}
