import { execFile } from 'node:child_process'
import { access, constants, readFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { chromium as playwright } from 'playwright-core'

const run = promisify(execFile)

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
  try {
    await access(path, constants.X_OK)
    const { stdout } = await run(path, ['--version'], { timeout: 10_000 })
    const version = /^(?:Chromium|Google Chrome)[a-z ]* ([\d.]+)/i.exec(stdout)?.[1]
    return version ? { path, version } : undefined
  } catch {
    return undefined
  }
}

async function fromDebian(): Promise<Outcome> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '')
  const isDebian = /^ID(_LIKE)?=.*debian/m.test(release)
  if (!isDebian || process.getuid?.() !== 0) return { reason: 'neither chromium nor google-chrome is on PATH' }
  console.error("No Chromium here: installing Debian's chromium package")
  const install = 'apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 chromium'
  const script = `test -x /usr/bin/chromium || ${install} || { apt-get update && ${install}; }`
  try {
    // flock makes a second caller wait for the first one's installation; the kernel frees it however the first one ends.
    await run('flock', ['/var/cache/apt', 'sh', '-c', script], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      maxBuffer: 64 * 1024 * 1024,
      timeout: 600_000,
    })
  } catch (error) {
    const { stderr } = error as { stderr?: string }
    return { reason: `chromium is not on PATH, and apt-get cannot install it: ${lastLine(stderr ?? String(error))}` }
  }
  return (await asProgram('/usr/bin/chromium')) ?? { reason: "Debian's chromium does not run here" }
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? ''
}
