import { rmSync } from 'node:fs'
import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { findChromium } from './chromium.ts'
import { pnpmCommand } from './pnpm.ts'
import { findPostgres } from './postgres.ts'
import { findPrometheus } from './prometheus.ts'
import { findRedisServer } from './redis-server.ts'
import { root, runCaptured, runShown, StepFailed } from './run.ts'

const help = `Usage: pnpm test [--help]
       pnpm test:full

Finds a redis-server, builds the package, checks types, lint, format and import walls, and runs the unit tests and the
tests of the whole product. test:full also runs what takes longer (*.full.test.ts). Ends at the first step that fails.
The last line says how many tests passed and failed.

A redis-server is taken from PLIMSOLL_REDIS_SERVER (a path), PATH, Docker, or, as root on Debian, from its package.
Prometheus is taken from PLIMSOLL_PROMETHEUS (a folder), PATH, or, on Debian, from its package, which is unpacked into
.cache and not installed; without it the tests that need it are skipped. The same holds for PostgreSQL and
PLIMSOLL_POSTGRES.
Chromium is taken from PLIMSOLL_CHROMIUM (a path), PATH, Playwright, or, as root on Debian, from its package; without it
the tests in a browser are skipped.
`

const tool = (name: string): string => join(root, 'node_modules', '.bin', name)

const total = { passed: 0, failed: 0 }
let reports: string

async function step(heading: string, work: () => Promise<string | undefined>): Promise<void> {
  const startedAt = performance.now()
  console.log(`\n== ${heading}`)
  const outcome = await work()
  console.log(`   ${outcome ?? 'ok'} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`)
}

async function findRedis(): Promise<string> {
  const program = await findRedisServer()
  if (program.kind === 'container') return `Docker image ${program.image}`
  // The tests' own processes need not search again.
  process.env['PLIMSOLL_REDIS_SERVER'] = program.path
  return `redis-server ${program.version} at ${program.path}`
}

async function findPrometheusPrograms(): Promise<string> {
  const programs = await findPrometheus()
  if ('reason' in programs) return `tests that need it are skipped: ${programs.reason}`
  process.env['PLIMSOLL_PROMETHEUS'] = dirname(programs.prometheus)
  return `prometheus ${programs.version} at ${programs.prometheus}`
}

async function findBrowser(): Promise<string> {
  const program = await findChromium()
  if ('reason' in program) return `tests that need it are skipped: ${program.reason}`
  process.env['PLIMSOLL_CHROMIUM'] = program.path
  return `chromium ${program.version} at ${program.path}`
}

async function findPostgresPrograms(): Promise<string> {
  const programs = await findPostgres()
  if ('reason' in programs) return `tests that need it are skipped: ${programs.reason}`
  process.env['PLIMSOLL_POSTGRES'] = programs.folder
  return `PostgreSQL ${programs.version} in ${programs.folder}`
}

interface VitestReport {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly testResults: readonly {
    readonly name: string
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[]
  }[]
}

async function runTests(project: string): Promise<string> {
  const reportFile = join(reports, `${project}.json`)
  const options = ['--project', project, '--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`]
  const succeeded = await runShown(tool('vitest'), ['run', ...options])
  const report = JSON.parse(await readFile(reportFile, 'utf8').catch(() => 'null')) as VitestReport | null
  const passed = report?.numPassedTests ?? 0
  // What goes wrong outside of any test (an unhandled error, a file that does not load) is a failure too.
  const failed = Math.max(report?.numFailedTests ?? 0, succeeded ? 0 : 1)
  total.passed += passed
  total.failed += failed
  reportSkipped(report)
  if (failed > 0) throw new StepFailed(`${project} tests: ${failed} failed`)
  return `${passed} tests passed`
}

function reportSkipped(report: VitestReport | null): void {
  for (const { name, assertionResults } of report?.testResults ?? []) {
    for (const { fullName, status } of assertionResults) {
      if (status !== 'passed' && status !== 'failed') console.log(`   ${status}: ${relative(root, name)} ${fullName}`)
    }
  }
}

async function fullOnlyFiles(): Promise<string[]> {
  const output = await runCaptured(tool('vitest'), ['list', '--project', 'full', '--filesOnly', '--json'])
  const files = JSON.parse(output.slice(output.indexOf('['))) as { file: string }[]
  return files.map(({ file }) => relative(root, file)).sort()
}

async function runAll(full: boolean): Promise<void> {
  await step('redis-server', findRedis)
  await step('prometheus', findPrometheusPrograms)
  await step('postgres', findPostgresPrograms)
  await step('chromium', findBrowser)
  await step('build', async () => void (await runCaptured(...pnpmCommand(['build']))))
  await step('types', async () => void (await runCaptured(tool('tsc'), ['--noEmit', '-p', 'tsconfig.json'])))
  await step('lint, format and import walls', async () => void (await runCaptured(tool('biome'), ['check'])))
  await step('unit tests', () => runTests('unit'))
  await step('product tests', () => runTests('product'))
  await step('incidents and faults', () => runTests('incidents'))
  const files = await fullOnlyFiles()
  if (full && files.length > 0) await step('tests that take longer', () => runTests('full'))
  else if (files.length > 0)
    console.log(`\n== only test:full runs these\n${files.map((file) => `   ${file}`).join('\n')}`)
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { full: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } })
  if (values.help) {
    process.stdout.write(help)
    return
  }
  reports = await mkdtemp(join(tmpdir(), 'test-reports-'))
  process.once('exit', () => rmSync(reports, { recursive: true, force: true }))
  try {
    await runAll(values.full ?? false)
  } catch (error) {
    process.exitCode = 1
    console.error(`\n${error instanceof Error ? error.message : error}`)
  }
  if (total.passed + total.failed > 0) console.log(`\n${total.passed} passed, ${total.failed} failed`)
}

await main().catch((error: Error) => {
  process.exitCode = 2
  console.error(`${error.message}\nSee pnpm test --help`)
})
