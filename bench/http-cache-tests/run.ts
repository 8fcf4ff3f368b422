/**
 * The public HTTP cache test suite (https://cache-tests.fyi) against the response cache behind a small proxy.
 *
 *   npx tsx bench/http-cache-tests/run.ts [--list]
 *
 * Installs the suite, http-cache-tests 0.4.5, into a temporary folder. `--list` also names what was not passed.
 */
import { execFile, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { freePort } from '../../test/support/free-port.ts'
import { until } from '../../test/support/until.ts'
import { startProxy } from './proxy.ts'

interface SuiteTest {
  readonly id: string
  readonly kind?: 'required' | 'optimal' | 'check'
  readonly browser_only?: boolean
}
interface Runner {
  runTests(suites: readonly unknown[], fetch: unknown, chatty: boolean, base: string): Promise<void>
  getResults(): Record<string, true | readonly string[]>
}

const folder = await mkdtemp(join(tmpdir(), 'http-cache-tests-'))
const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error']
const packages = ['http-cache-tests@0.4.5', 'node-fetch@2']
await promisify(execFile)('npm', ['install', '--prefix', folder, ...quiet, ...packages])
const suite = join(folder, 'node_modules', 'http-cache-tests')
const load = (path: string) => import(pathToFileURL(join(folder, 'node_modules', path)).href)

const port = await freePort()
const origin = spawn(process.execPath, ['server/server.mjs'], {
  cwd: suite,
  stdio: 'ignore',
  env: {
    ...process.env,
    npm_config_port: `${port}`,
    npm_config_protocol: 'http',
    npm_package_config_port: `${port}`,
    npm_package_config_pidfile: `${folder}/pid`,
  },
})
try {
  await until(
    async () => (await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined)) !== undefined,
    'the suite serves',
  )
  const proxy = await startProxy(port)
  const { default: suites } = (await load('http-cache-tests/tests/index.mjs')) as { default: { tests: SuiteTest[] }[] }
  const { runTests, getResults } = (await load('http-cache-tests/client/runner.mjs')) as Runner
  const { default: nodeFetch } = (await load('node-fetch/lib/index.mjs')) as { default: unknown }
  await runTests(suites, nodeFetch, false, `http://localhost:${proxy}`)
  report(
    suites.flatMap(({ tests }) => tests),
    getResults(),
  )
} finally {
  origin.kill()
  await rm(folder, { recursive: true, force: true })
}
process.exit()

function report(tests: readonly SuiteTest[], results: ReturnType<Runner['getResults']>): void {
  for (const wanted of ['required', 'optimal', 'check'] as const) {
    const ofKind = tests.filter(({ kind = 'required', browser_only }) => kind === wanted && browser_only !== true)
    const missed = ofKind.filter(({ id }) => results[id] !== true)
    console.log(`${wanted}: ${ofKind.length - missed.length} of ${ofKind.length}`)
    if (!process.argv.includes('--list')) continue
    for (const { id } of missed) console.log(`  ${id}: ${[results[id] ?? 'no result'].flat().join(' ')}`)
  }
}
