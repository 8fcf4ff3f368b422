import { execFile } from 'node:child_process'
import { access, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pnpmCommand } from '../../scripts/pnpm.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const core = join(root, 'packages', 'core')
let folder: string
let tarball: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'package-'))
  if (!(await exists(join(core, 'dist', 'index.js')))) await run(core, ...pnpmCommand(['build']))
  await run(core, ...pnpmCommand(['pack', '--pack-destination', folder]))
  const packed = (await readdir(folder)).find((name) => name.endsWith('.tgz'))
  tarball = join(folder, packed ?? 'nothing-was-packed')
  await installInto(folder)
}, 180_000)

afterAll(() => rm(folder, { recursive: true, force: true }))

async function installInto(project: string): Promise<void> {
  await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'somebody', private: true }))
  const quiet = ['--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error']
  await run(project, 'npm', ['install', '--prefix', project, ...quiet, tarball, '@types/node@20', 'prom-client@15'])
}

/** What the command printed; fails with all of it when the command fails or does not end by itself. */
async function run(cwd: string, command: string, args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(command, [...args], { cwd, env: environment(), timeout: 120_000 })
    return stdout
  } catch (error) {
    const { stdout, stderr, killed } = error as { stdout?: string; stderr?: string; killed?: boolean }
    const ending = killed ? 'did not end by itself' : 'failed'
    throw new Error(`${[command, ...args].join(' ')} ${ending}\n${stdout ?? ''}${stderr ?? String(error)}`)
  }
}

/** Without what a package manager that runs this test says about this project. */
function environment(): NodeJS.ProcessEnv {
  const ours = /^npm_(package|lifecycle|config_local_prefix)|^NODE_(ENV|OPTIONS)$|^VITEST/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)))
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

const tool = (name: string): string => join(root, 'node_modules', '.bin', name)

const use = `
  const cache = createCache({ name: 'somebody' })
  const products = cache.namespace({
    name: 'product',
    ttl: '1m',
    load: async (key) => ({ key, price: 12 }),
  })
  console.log(JSON.stringify([await products.get('tea'), await products.get('tea')]))
  await cache.close()
`
const printed = `${JSON.stringify(Array(2).fill({ key: 'tea', price: 12 }))}\n`

test('publint has nothing to say', async () => {
  expect(await run(folder, tool('publint'), ['run', tarball, '--strict'])).toContain('All good!')
})

test('the types are right for import and require', async () => {
  await run(folder, tool('attw'), [tarball, '--profile', 'node16'])
})

test('the tarball holds what is needed and nothing else', async () => {
  const files = (await run(folder, 'tar', ['-tzf', tarball])).trim().split('\n')
  const stray = files.filter(
    (name) =>
      !/^package\/(dist\/|monitoring\/[\w.-]+\.(yml|json)$|package\.json$|README\.md$|LICENSE$|CHANGELOG\.md$)/.test(
        name,
      ),
  )
  expect(stray).toEqual([])
  expect(files).toContain('package/LICENSE')
})

test('import from an ES module, and the process ends by itself', async () => {
  await writeFile(join(folder, 'use.mjs'), `import { createCache } from '@plimsoll/core'\n${use}`)
  expect(await run(folder, process.execPath, ['use.mjs'])).toBe(printed)
})

test('require from CommonJS, and the process ends by itself', async () => {
  const source = `const { createCache } = require('@plimsoll/core')\nasync function main() {${use}}\nmain()`
  await writeFile(join(folder, 'use.cjs'), source)
  expect(await run(folder, process.execPath, ['use.cjs'])).toBe(printed)
})

const measure = `
  const register = new Registry()
  const cache = createCache({ name: 'somebody' })
  const leave = collectMetrics(cache, { register })
  cache.namespace({ name: 'product', ttl: '1m', load: async (key) => key })
  const text = await register.metrics()
  leave()
  console.log(text.includes('plimsoll_requests_total{cache="somebody",namespace="product",op="get",result="hit"} 0'))
  console.log(metricCatalogue.length > 60, (await register.metrics()).trim() === '')
  await cache.close()
`

const measured = 'true\ntrue true\n'

test('metrics from an ES module', async () => {
  const source = `
    import { createCache } from '@plimsoll/core'
    import { collectMetrics, metricCatalogue } from '@plimsoll/core/metrics'
    import { Registry } from 'prom-client'
    ${measure}
  `
  await writeFile(join(folder, 'measure.mjs'), source)
  expect(await run(folder, process.execPath, ['measure.mjs'])).toBe(measured)
})

test('metrics from CommonJS', async () => {
  const source = `
    const { createCache } = require('@plimsoll/core')
    const { collectMetrics, metricCatalogue } = require('@plimsoll/core/metrics')
    const { Registry } = require('prom-client')
    async function main() {${measure}}
    main()
  `
  await writeFile(join(folder, 'measure.cjs'), source)
  expect(await run(folder, process.execPath, ['measure.cjs'])).toBe(measured)
})

test('both builds share the metrics of one registry', async () => {
  const source = `
    import { createRequire } from 'node:module'
    import { createCache } from '@plimsoll/core'
    import { collectMetrics } from '@plimsoll/core/metrics'
    import { Registry } from 'prom-client'
    const required = createRequire(import.meta.url)
    const register = new Registry()
    const first = createCache({ name: 'first' })
    const second = required('@plimsoll/core').createCache({ name: 'second' })
    collectMetrics(first, { register })
    required('@plimsoll/core/metrics').collectMetrics(second, { register })
    const text = await register.metrics()
    console.log(['first', 'second'].map((name) => text.includes('plimsoll_queue_length{cache="' + name + '"} 0')).join())
    await Promise.all([first.close(), second.close()])
  `
  await writeFile(join(folder, 'both.mjs'), source)
  expect(await run(folder, process.execPath, ['both.mjs'])).toBe('true,true\n')
})

test.each(['mts', 'cts'])('TypeScript infers the value from load in a .%s file', async (extension) => {
  const file = `types.${extension}`
  const source = `
    import { createCache } from '@plimsoll/core'
    import { collectMetrics, type MetricDefinition, metricCatalogue } from '@plimsoll/core/metrics'
    import { Registry } from 'prom-client'
    export const definitions: readonly MetricDefinition[] = metricCatalogue
    export const leave: () => void = collectMetrics(createCache({ name: 'measured' }), { register: new Registry() })
    export async function main(): Promise<number | undefined> {
      ${use}
      const product = await products.get('tea')
      // @ts-expect-error a product may be absent
      product.price
      // @ts-expect-error a price is a number
      const wrong: string | undefined = product?.price
      return product?.price ?? wrong?.length
    }
  `
  await writeFile(join(folder, file), source)
  const options = ['--noEmit', '--strict', '--skipLibCheck', 'false', '--types', 'node', '--target', 'es2022']
  await run(folder, tool('tsc'), [...options, '--module', 'node16', '--moduleResolution', 'node16', file])
})
