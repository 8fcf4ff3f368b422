import { mkdir, symlink } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { cacheOf, installPackage, isDebian, saidBy } from './debian.ts'
import { run, versionOf } from './program.ts'

export const redisImage = 'redis:7-alpine'

export type RedisProgram =
  | { readonly kind: 'process'; readonly path: string; readonly version: string }
  | { readonly kind: 'container'; readonly image: string; readonly version: string }

const howToGetOne =
  'redis-server is needed and was not found: apt-get install redis-server, or brew install redis, or start Docker ' +
  '(or name one by PLIMSOLL_REDIS_SERVER=/path/to/redis-server)'

let found: Promise<RedisProgram> | undefined

/** The redis-server to use: the named one, the one on PATH, Docker's, or, as root on Debian, the distribution's package. */
export function findRedisServer(): Promise<RedisProgram> {
  found ??= search()
  return found
}

async function search(): Promise<RedisProgram> {
  const named = process.env['PLIMSOLL_REDIS_SERVER']
  if (named) {
    const program = await asProgram(named)
    if (!program) throw new Error(`PLIMSOLL_REDIS_SERVER is ${named}, which is not a redis-server that runs`)
    return program
  }
  const program = (await onPath()) ?? (await fromDebian(false)) ?? (await inDocker()) ?? (await fromDebian(true))
  if (!program) throw new Error(howToGetOne)
  return program
}

async function onPath(): Promise<RedisProgram | undefined> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const program = folder && (await asProgram(join(folder, 'redis-server')))
    if (program) return program
  }
  return undefined
}

async function asProgram(path: string): Promise<RedisProgram | undefined> {
  const version = await versionOf(path, /^Redis server v=(\S+)/)
  return version ? { kind: 'process', path, version } : undefined
}

async function inDocker(): Promise<RedisProgram | undefined> {
  try {
    await run('docker', ['info'], { timeout: 10_000 })
  } catch {
    return undefined
  }
  const { getContainerRuntimeClient, ImageName } = await import('testcontainers')
  try {
    const client = await getContainerRuntimeClient()
    if (!['localhost', '127.0.0.1'].includes(client.info.containerRuntime.host)) return undefined
    await client.image.pull(ImageName.fromString(redisImage))
    return { kind: 'container', image: redisImage, version: redisImage }
  } catch (error) {
    console.error(`Docker answers but cannot provide ${redisImage}: ${error instanceof Error ? error.message : error}`)
    return undefined
  }
}

// Debian keeps the server's program in redis-tools, under the name redis-check-rdb (one program, told apart by its name);
// the package redis-server adds a link to it and a service, which would be started now and at every boot.
const debianProgram = '/usr/bin/redis-check-rdb'

async function fromDebian(install: boolean): Promise<RedisProgram | undefined> {
  if (!(await isDebian())) return undefined
  if (install) {
    if (process.getuid?.() !== 0) return undefined
    await installDebianPackage()
  }
  return linkedAsServer()
}

async function linkedAsServer(): Promise<RedisProgram | undefined> {
  const folder = cacheOf('redis')
  const link = join(folder, 'redis-server')
  await mkdir(folder, { recursive: true })
  await symlink(debianProgram, link).catch(ignoreExisting)
  return asProgram(link)
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error
}

async function installDebianPackage(): Promise<void> {
  console.error("No redis-server here: installing Debian's redis-tools package (the server's program, no service)")
  try {
    await installPackage('redis-tools', debianProgram)
  } catch (error) {
    throw new Error(`${howToGetOne}. apt-get failed:\n${saidBy(error)}`)
  }
}
