import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findPostgres, type PostgresPrograms } from '../../scripts/postgres.ts'
import { freePort } from './free-port.ts'
import { reapWithThisProcess } from './reaper.ts'
import { until } from './until.ts'

const run = promisify(execFile)

export interface PostgresServer {
  readonly port: number
  readonly url: string
  /** Ends it without a farewell (SIGKILL); what it has acknowledged is on disk. Resolves once it is gone. */
  kill(): Promise<void>
  /** Starts it again with its data, on the same port; resolves when it takes connections. */
  start(): Promise<void>
  /** Ends it for good and deletes its data. */
  stop(): Promise<void>
}

const keptOutput = 4_096
// Postgres refuses to run as root: it is then started as nobody.
const nobody = 65_534
const asRoot = process.getuid?.() === 0
const identity = asRoot ? { uid: nobody, gid: nobody } : {}

/**
 * A PostgreSQL of its own on the loopback interface, with an empty database. It ends with this process at the latest.
 * `settings` are as in postgresql.conf.
 */
export async function startPostgres(settings: Readonly<Record<string, string>> = {}): Promise<PostgresServer> {
  const programs = await findPostgres()
  if ('reason' in programs) throw new Error(programs.reason)
  const folder = await mkdtemp(join(tmpdir(), 'postgres-'))
  if (asRoot) await chown(folder, nobody, nobody)
  try {
    const port = await freePort()
    await run(
      join(programs.folder, 'initdb'),
      ['--pgdata', folder, '--username=postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'],
      { cwd: folder, env: { ...process.env, ...programs.environment }, ...identity },
    )
    return await start(programs, folder, port, settings)
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

async function start(
  programs: PostgresPrograms,
  folder: string,
  port: number,
  settings: Readonly<Record<string, string>>,
): Promise<PostgresServer> {
  // Without fsync what is committed survives a SIGKILL of the server, though not of the machine. With
  // synchronous_commit off it would not.
  const all = { listen_addresses: '127.0.0.1', unix_socket_directories: '', fsync: 'off', ...settings, port: `${port}` }
  const args = ['-D', folder, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
  let running: Running | undefined = await launch(programs, folder, args)

  async function end(signal: NodeJS.Signals): Promise<void> {
    const ending = running
    running = undefined
    await ending?.end(signal)
  }

  return {
    port,
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    kill: () => end('SIGKILL'),
    start: async () => {
      if (running) throw new Error('this PostgreSQL is running already: kill() it before start()')
      running = await launch(programs, folder, args)
    },
    stop: async () => {
      // At once, without waiting for clients, but with its shared memory given back.
      await end('SIGQUIT')
      await rm(folder, { recursive: true, force: true, maxRetries: 10 })
    },
  }
}

interface Running {
  end(signal: NodeJS.Signals): Promise<void>
}

async function launch(programs: PostgresPrograms, folder: string, args: readonly string[]): Promise<Running> {
  for (;;) {
    const server = spawnServer(programs, folder, args)
    await until(() => server.ready() || server.ended() !== undefined, 'PostgreSQL takes connections', 30_000)
    const ended = server.ended()
    if (ended === undefined) return server
    // The backends of a killed server live on for a moment, and a new one does not start beside them.
    if (!ended.includes('pre-existing shared memory block')) throw new Error(`PostgreSQL did not start: ${ended}`)
  }
}

function spawnServer(programs: PostgresPrograms, folder: string, args: readonly string[]) {
  // In a session of its own: Ctrl-C in the terminal is for the parent, which decides what becomes of its servers.
  const child: ChildProcess = spawn(join(programs.folder, 'postgres'), args, {
    cwd: folder,
    detached: true,
    env: { ...process.env, ...programs.environment },
    stdio: ['ignore', 'ignore', 'pipe'],
    ...identity,
  })
  reapWithThisProcess(child)
  let output = ''
  let isReady = false
  let ending: string | undefined
  let expected = false
  child.stderr?.on('data', (chunk: Buffer) => {
    output = (output + chunk).slice(-keptOutput)
    if (output.includes('database system is ready to accept connections')) isReady = true
  })
  const gone = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      ending = error.message
      resolve()
    })
    child.once('close', (code, signal) => {
      ending = `ended by ${signal ?? `exit code ${code}`}\n${output}`
      resolve()
      // Thrown outside of any caller: an unhandled error fails the test run, where a quiet death would look like a finding.
      if (isReady && !expected) throw new Error(`PostgreSQL (process ${child.pid}) ${ending}`)
    })
  })
  return {
    ready: () => isReady,
    ended: () => ending,
    end: (signal: NodeJS.Signals) => {
      expected = true
      child.kill(signal)
      return gone
    },
  }
}
