import { readdir } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { cacheOf, unpackedFromDebian } from './debian.ts'
import { versionOf } from './program.ts'

export interface PostgresPrograms {
  /** Where postgres and initdb are. */
  readonly folder: string
  readonly version: string
  /** What they need to be started with: a package that was only unpacked has its libraries beside it. */
  readonly environment: NodeJS.ProcessEnv
}

const installed = '/usr/lib/postgresql'
const cache = cacheOf('postgres')

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
  const version = await versionOf(join(folder, 'postgres'), /^postgres \(PostgreSQL\) (\S+)/, environment)
  const initdb = await versionOf(join(folder, 'initdb'), /^initdb \(PostgreSQL\) (\S+)/, environment)
  return version && initdb ? { folder, version, environment } : undefined
}

/** usr/lib/postgresql/15/bin has its libraries in usr/lib/x86_64-linux-gnu. */
async function environmentOf(folder: string): Promise<NodeJS.ProcessEnv> {
  if (!folder.startsWith(cache)) return {}
  const lib = join(folder, '../../..')
  const triplets = (await readdir(lib).catch(() => [])).filter((name) => name.includes('-linux-gnu'))
  return { LD_LIBRARY_PATH: triplets.map((name) => join(lib, name)).join(delimiter) }
}

function fromDebian(): Promise<PostgresPrograms | { readonly reason: string }> {
  return unpackedFromDebian({
    name: 'postgres',
    package: 'postgresql',
    programs: 'postgres and initdb',
    proof: 'usr/lib/postgresql',
    // With the libraries that are not installed; the lock of the system's own archive folder is not ours to take.
    download:
      'apt-get install -y --download-only --no-install-recommends -o Debug::NoLocking=1 -o Dir::Cache::archives="$PWD/fresh" postgresql',
    find: inCache,
  })
}

async function inCache(): Promise<PostgresPrograms | undefined> {
  const [newest] = await versionsIn(join(cache, 'usr/lib/postgresql'))
  return newest === undefined ? undefined : inFolder(newest)
}
