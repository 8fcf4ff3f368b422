import { execFile } from 'node:child_process'
import { mkdir, readFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface PrometheusPrograms {
  readonly prometheus: string
  readonly promtool: string
  readonly version: string
}

let found: Promise<PrometheusPrograms | { readonly reason: string }> | undefined

/** Prometheus and promtool: those in the folder PLIMSOLL_PROMETHEUS, on PATH, or, on Debian, unpacked from its package. */
export function findPrometheus(): Promise<PrometheusPrograms | { readonly reason: string }> {
  found ??= search()
  return found
}

async function search(): Promise<PrometheusPrograms | { readonly reason: string }> {
  const named = process.env['PLIMSOLL_PROMETHEUS']
  if (named) {
    const programs = await inFolder(named)
    if (!programs) throw new Error(`PLIMSOLL_PROMETHEUS is ${named}, which holds no prometheus and promtool that run`)
    return programs
  }
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const programs = folder && (await inFolder(folder))
    if (programs) return programs
  }
  return fromDebian()
}

async function inFolder(folder: string): Promise<PrometheusPrograms | undefined> {
  const prometheus = join(folder, 'prometheus')
  const promtool = join(folder, 'promtool')
  try {
    const { stdout } = await run(prometheus, ['--version'], { timeout: 10_000 })
    await run(promtool, ['--version'], { timeout: 10_000 })
    const version = /^prometheus, version (\S+)/.exec(stdout)?.[1]
    return version ? { prometheus, promtool, version } : undefined
  } catch {
    return undefined
  }
}

async function fromDebian(): Promise<PrometheusPrograms | { readonly reason: string }> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '')
  if (!/^ID(_LIKE)?=.*debian/m.test(release)) return { reason: 'prometheus and promtool are not on PATH' }
  const cache = fileURLToPath(new URL('../.cache/prometheus', import.meta.url))
  const folder = join(cache, 'usr/bin')
  const unpacked = await inFolder(folder)
  if (unpacked) return unpacked
  await mkdir(cache, { recursive: true })
  try {
    await unpack(cache)
  } catch (error) {
    const { stderr } = error as { stderr?: string }
    const lines = (stderr ?? String(error)).trim().split('\n')
    return { reason: `prometheus is not on PATH, and apt-get cannot download it: ${lines.at(-1)}` }
  }
  return (await inFolder(folder)) ?? { reason: "Debian's prometheus does not run here" }
}

/** Debian's package is unpacked and not installed: that would start a service, now and at every boot. */
async function unpack(cache: string): Promise<void> {
  console.error("No prometheus here: unpacking Debian's package into .cache/prometheus")
  const download = 'apt-get download prometheus'
  const script = `
    test -x usr/bin/promtool && exit
    ${download} || { apt-get update && ${download}; } || exit
    rm -rf fresh && dpkg -x prometheus_*.deb fresh && mv fresh/usr . && rm -r fresh prometheus_*.deb`
  // flock makes a second caller wait for the first one's download; the kernel frees it however the first one ends.
  await run('flock', [cache, 'sh', '-c', script], {
    cwd: cache,
    maxBuffer: 64 * 1024 * 1024,
    timeout: 300_000,
  })
}
