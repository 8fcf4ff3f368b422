import { delimiter, join } from 'node:path'
import { cacheOf, unpackedFromDebian } from './debian.ts'
import { versionOf } from './program.ts'

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
  const version = await versionOf(prometheus, /^prometheus, version (\S+)/)
  const ofPromtool = await versionOf(promtool, /^promtool, version (\S+)/)
  return version && ofPromtool ? { prometheus, promtool, version } : undefined
}

function fromDebian(): Promise<PrometheusPrograms | { readonly reason: string }> {
  return unpackedFromDebian({
    name: 'prometheus',
    package: 'prometheus',
    programs: 'prometheus and promtool',
    proof: 'usr/bin/promtool',
    download: '(cd fresh && apt-get download prometheus)',
    find: () => inFolder(join(cacheOf('prometheus'), 'usr/bin')),
  })
}
