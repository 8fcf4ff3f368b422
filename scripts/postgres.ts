import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface PostgresPrograms {
  /** Where postgres and initdb are. */
  readonly folder: string
  readonly version: string
  /** What they need to be started with: a package that was only unpacked has its libraries beside it. */
  readonly environment: NodeJS.ProcessEnv
}

const installed = '/usr/lib/postgresql'
const cache = fileURLToPath(new URL('../.cache/postgres', import.meta.url))

let found: Promise<PostgresPrograms | { readonly reason: string }> | undefined

/**
 * postgres and initdb: those in the folder PLIMSOLL_POSTGRES, on PATH, where Debian installs them, or, on Debian,
 * unpacked from its packages.
 */
export function findPostgres(): Promise<PostgresPrograms | { readonly reason: string }> {
  found ??= search()
  return found
}

async function search(): Promise<PostgresPrograms | { readonly reason: string }> {
  const named = process.env['PLIMSOLL_POSTGRES']
  if (named) {
    const programs = await inFolder(named)
    if (!programs) throw new Error(`PLIMSOLL_POSTGRES is ${named}, which holds no postgres and initdb that run`)
    return programs
  }
  // Debian keeps its versions off PATH.
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...(await versionsIn(installed))]
  for (const folder of folders) {
    const programs = folder && (await inFolder(folder))
    if (programs) return programs
  }
  return fromDebian()
}

async function versionsIn(root: string): Promise<string[]> {
  const versions = await readdir(root).catch(() => [])
  return versions.sort((left, right) => Number(right) - Number(left)).map((version) => join(root, version, 'bin'))
}

async function inFolder(folder: string): Promise<PostgresPrograms | undefined> {
  const environment = await environmentOf(folder)
  const options = { timeout: 10_000, env: { ...process.env, ...environment } }
  try {
    const { stdout } = await run(join(folder, 'postgres'), ['--version'], options)
    await run(join(folder, 'initdb'), ['--version'], options)
    const version = /^postgres \(PostgreSQL\) (\S+)/.exec(stdout)?.[1]
    return version ? { folder, version, environment } : undefined
  } catch {
    return undefined
  }
}

/** usr/lib/postgresql/15/bin has its libraries in usr/lib/x86_64-linux-gnu. */
async function environmentOf(folder: string): Promise<NodeJS.ProcessEnv> {
  if (!folder.startsWith(cache)) return {}
  const lib = join(folder, '../../..')
  const triplets = (await readdir(lib).catch(() => [])).filter((name) => name.includes('-linux-gnu'))
  return { LD_LIBRARY_PATH: triplets.map((name) => join(lib, name)).join(delimiter) }
}

async function fromDebian(): Promise<PostgresPrograms | { readonly reason: string }> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '')
  if (!/^ID(_LIKE)?=.*debian/m.test(release)) return { reason: 'postgres and initdb are not on PATH' }
  await mkdir(cache, { recursive: true })
  const unpacked = await inCache()
  if (unpacked) return unpacked
  try {
    await unpack()
  } catch (error) {
    const { stderr } = error as { stderr?: string }
    const lines = (stderr ?? String(error)).trim().split('\n')
    return { reason: `postgres is not on PATH, and apt-get cannot download it: ${lines.at(-1)}` }
  }
  return (await inCache()) ?? { reason: "Debian's postgresql does not run here" }
}

async function inCache(): Promise<PostgresPrograms | undefined> {
  const [newest] = await versionsIn(join(cache, 'usr/lib/postgresql'))
  return newest === undefined ? undefined : inFolder(newest)
}

/** Debian's packages are unpacked and not installed: that would make a cluster and start a service, now and at every boot. */
async function unpack(): Promise<void> {
  console.error("No PostgreSQL here: unpacking Debian's packages into .cache/postgres")
  // With the libraries that are not installed; the lock of the system's own archive folder is not ours to take.
  const download =
    'apt-get install -y --download-only --no-install-recommends -o Debug::NoLocking=1 -o Dir::Cache::archives="$PWD/fresh" postgresql'
  const script = `
    test -d usr/lib/postgresql && exit
    rm -rf fresh && mkdir -p fresh/partial
    ${download} || { apt-get update && ${download}; } || exit
    for package in fresh/*.deb; do dpkg -x "$package" fresh/root || exit; done
    mv fresh/root/usr . && rm -r fresh`
  // flock makes a second caller wait for the first one's download; the kernel frees it however the first one ends.
  await run('flock', [cache, 'sh', '-c', script], {
    cwd: cache,
    maxBuffer: 64 * 1024 * 1024,
    timeout: 300_000,
  })
}
