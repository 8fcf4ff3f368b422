import { mkdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { run } from './program.ts'

export async function isDebian(): Promise<boolean> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '')
  return /^ID(_LIKE)?=.*debian/m.test(release)
}

/** Installs a package, unless its program is there. For root only. */
export async function installPackage(name: string, program: string): Promise<void> {
  const install = `apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 ${name}`
  await runAlone('/var/cache/apt', `test -x ${program} || ${withFreshLists(install)}`, {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    timeout: 600_000,
  })
}

/** Programs of a package that is unpacked and not installed: that would start a service, now and at every boot. */
export interface Unpacking<P> {
  /** Also that of their folder in .cache. */
  readonly name: string
  readonly package: string
  /** Those that are looked for, in words. */
  readonly programs: string
  /** A path that is there once it is unpacked. */
  readonly proof: string
  /** Puts the packages into the folder `fresh`. */
  readonly download: string
  find(): Promise<P | undefined>
}

export const cacheOf = (name: string): string => fileURLToPath(new URL(`../.cache/${name}`, import.meta.url))

export async function unpackedFromDebian<P>(unpacking: Unpacking<P>): Promise<P | { readonly reason: string }> {
  const { name, programs } = unpacking
  if (!(await isDebian())) return { reason: `${programs} are not on PATH` }
  const unpacked = await unpacking.find()
  if (unpacked) return unpacked
  try {
    await unpack(unpacking)
  } catch (error) {
    return { reason: `${name} is not on PATH, and apt-get cannot download it: ${lastLine(saidBy(error))}` }
  }
  return (await unpacking.find()) ?? { reason: `Debian's ${unpacking.package} does not run here` }
}

async function unpack({ name, proof, download, ...unpacking }: Unpacking<unknown>): Promise<void> {
  const cwd = cacheOf(name)
  await mkdir(cwd, { recursive: true })
  console.error(`No ${name} here: unpacking Debian's ${unpacking.package} into .cache/${name}`)
  const script = `
    test -e ${proof} && exit
    rm -rf fresh && mkdir -p fresh/partial
    ${withFreshLists(download)} || exit
    for package in fresh/*.deb; do dpkg -x "$package" fresh/root || exit; done
    mv fresh/root/usr . && rm -r fresh`
  await runAlone(cwd, script, { cwd, timeout: 300_000 })
}

/** The lists of a fresh image are old, or not there. */
function withFreshLists(command: string): string {
  return `${command} || { apt-get update && ${command}; }`
}

/** flock makes a second caller wait for the first one's work; the kernel frees it however the first one ends. */
async function runAlone(
  lock: string,
  script: string,
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv; readonly timeout: number },
): Promise<void> {
  await run('flock', [lock, 'sh', '-c', script], { ...options, maxBuffer: 64 * 1024 * 1024 })
}

/** What a command that failed has written about it. */
export function saidBy(error: unknown): string {
  return (error as { stderr?: string }).stderr ?? String(error)
}

export function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? ''
}
