import { delimiter, join } from 'node:path'
import { chromium as playwright } from 'playwright-core'
import { installPackage, isDebian, lastLine, saidBy } from './debian.ts'
import { versionOf } from './program.ts'

export interface ChromiumProgram {
  readonly path: string
  readonly version: string
}

type Outcome = ChromiumProgram | { readonly reason: string }

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
// Where macOS keeps it: no folder of PATH.
const applications = ['Chromium', 'Google Chrome'].map((name) => `/Applications/${name}.app/Contents/MacOS/${name}`)

let found: Promise<Outcome> | undefined

/** Chromium or Chrome: the named one, the one on PATH, Playwright's own, or, as root on Debian, the distribution's package. */
export function findChromium(): Promise<Outcome> {
  found ??= search()
  return found
}

async function search(): Promise<Outcome> {
  const named = process.env['PLIMSOLL_CHROMIUM']
  if (named) {
    const program = await asProgram(named)
    if (!program) throw new Error(`PLIMSOLL_CHROMIUM is ${named}, which is not a Chromium that runs`)
    return program
  }
  for (const path of [...onPath(), playwright.executablePath(), ...applications]) {
    const program = await asProgram(path)
    if (program) return program
  }
  return fromDebian()
}

function onPath(): string[] {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean)
  return folders.flatMap((folder) => names.map((name) => join(folder, name)))
}

async function asProgram(path: string): Promise<ChromiumProgram | undefined> {
  const version = await versionOf(path, /^(?:Chromium|Google Chrome)[a-z ]* ([\d.]+)/i)
  return version ? { path, version } : undefined
}

async function fromDebian(): Promise<Outcome> {
  if (!(await isDebian()) || process.getuid?.() !== 0) {
    return { reason: 'neither chromium nor google-chrome is on PATH' }
  }
  console.error("No Chromium here: installing Debian's chromium package")
  try {
    await installPackage('chromium', '/usr/bin/chromium')
  } catch (error) {
    return { reason: `chromium is not on PATH, and apt-get cannot install it: ${lastLine(saidBy(error))}` }
  }
  return (await asProgram('/usr/bin/chromium')) ?? { reason: "Debian's chromium does not run here" }
}
