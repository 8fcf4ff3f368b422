import { execFile } from 'node:child_process'
import { access, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pnpmCommand } from '../../scripts/pnpm.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const packages = ['core', 'express-adapter', 'fastify-adapter'] as const
type Package = (typeof packages)[number]
let folder: string
const tarballs = new Map<Package, string>()
const tarballOf = (name: Package) => tarballs.get(name) ?? `${name} was not packed`

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'package-'))
  for (const name of packages) tarballs.set(name, await pack(name))
  await installInto(folder)
}, 180_000)

afterAll(() => rm(folder, { recursive: true, force: true }))

async function pack(name: Package): Promise<string> {
  const source = join(root, 'packages', name)
  const destination = join(folder, name)
  await mkdir(destination)
  if (!(await exists(join(source, 'dist', 'index.js')))) await run(source, ...pnpmCommand(['build']))
  await run(source, ...pnpmCommand(['pack', '--pack-destination', destination]))
  const packed = (await readdir(destination)).find((file) => file.endsWith('.tgz'))
  return join(destination, packed ?? 'nothing was packed')
}

async function installInto(project: string): Promise<void> {
  await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'somebody', private: true }))
  const quiet = ['--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error']
  const peers = [
    'express@5',
    'express-session@1',
    'fastify@5',
    '@fastify/session@11',
    '@fastify/cookie@11',
    'prom-client@15',
  ]
  const types = ['@types/node@20', '@types/express@5', '@types/express-session@1']
  await run(project, 'npm', ['install', '--prefix', project, ...quiet, ...tarballs.values(), ...peers, ...types])
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

describe.each(packages)('%s', (name) => {
  test('publint has nothing to say', async () => {
    expect(await run(folder, tool('publint'), ['run', tarballOf(name), '--strict'])).toContain('All good!')
  })

  test('the types are right for import and require', async () => {
    await run(folder, tool('attw'), [tarballOf(name), '--profile', 'node16'])
  })

  test('the tarball holds what is needed and nothing else', async () => {
    const files = (await run(folder, 'tar', ['-tzf', tarballOf(name)])).trim().split('\n')
    const needed =
      /^package\/(dist\/|monitoring\/[\w.-]+\.(yml|json)$|package\.json$|README\.md$|LICENSE$|CHANGELOG\.md$)/
    expect(files.filter((file) => !needed.test(file))).toEqual([])
    expect(files).toContain('package/LICENSE')
    expect(files).toContain('package/README.md')
  })
})

test.each(['express-adapter', 'fastify-adapter'])(
  '%s asks for no older core than the one it was built with',
  async (name) => {
    const installed = async (one: string) =>
      JSON.parse(await readFile(join(folder, 'node_modules', '@plimsoll', one, 'package.json'), 'utf8'))
    // It imports of the core at run time: with an older one that lacks an export it would not start.
    const { version } = await installed('core')
    expect((await installed(name)).peerDependencies['@plimsoll/core']).toBe(`>=${version} <1`)
  },
)

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

const servePages = `
  const sessions = createSessions({ name: 'somebody', redis: 'redis://127.0.0.1:1' })
  const cache = createCache({ name: 'somebody' })
  const responses = createResponseCache(cache, { name: 'pages', hosts: ['127.0.0.1'] })
  const cookie = { maxAge: 60_000 }
  const secret = 'a secret that is long enough for @fastify/session'
`

const onExpress = `
  const app = express()
  app.use(plimsollSession(sessions, { secret, cookie }))
  app.get('/', responseCache(responses, { ttl: '1m' }), (req, res) => res.send('hello'))
  const server = app.listen(0, '127.0.0.1', async () => {
    const reply = await fetch('http://127.0.0.1:' + server.address().port)
    console.log(reply.status, await reply.text())
    server.close()
    await Promise.all([sessions.close(), cache.close()])
  })
`

const onFastify = `
  const app = fastify()
  await app.register(fastifyCookie)
  await app.register(plimsoll, { cache, sessions, responses, session: { secret, cookie } })
  app.get('/', { config: { cache: { ttl: '1m' } } }, async () => 'hello')
  const reply = await app.inject('/')
  console.log(reply.statusCode, reply.body)
  await app.close()
  await Promise.all([sessions.close(), cache.close()])
`

const imports = {
  express: [
    ['createCache', '@plimsoll/core'],
    ['createSessions', '@plimsoll/core/session'],
    ['createResponseCache', '@plimsoll/core/http'],
    ['plimsollSession, responseCache', '@plimsoll/express-adapter'],
  ],
  fastify: [
    ['createCache', '@plimsoll/core'],
    ['createSessions', '@plimsoll/core/session'],
    ['createResponseCache', '@plimsoll/core/http'],
    ['plimsoll', '@plimsoll/fastify-adapter'],
  ],
} as const

const frameworks = {
  express: { serve: onExpress, defaults: [['express', 'express']] },
  fastify: {
    serve: onFastify,
    defaults: [
      ['fastify', 'fastify'],
      ['fastifyCookie', '@fastify/cookie'],
    ],
  },
} as const

describe.each(['express', 'fastify'] as const)('a service on %s that has no Redis answers', (framework) => {
  const { serve, defaults } = frameworks[framework]

  test('as an ES module', async () => {
    const lines = [
      ...imports[framework].map(([names, from]) => `import { ${names} } from '${from}'`),
      ...defaults.map(([name, from]) => `import ${name} from '${from}'`),
    ]
    await writeFile(join(folder, `${framework}.mjs`), [...lines, servePages, serve].join('\n'))
    expect(await run(folder, process.execPath, [`${framework}.mjs`])).toBe('200 hello\n')
  })

  test('in CommonJS', async () => {
    const lines = [
      ...imports[framework].map(([names, from]) => `const { ${names} } = require('${from}')`),
      ...defaults.map(([name, from]) => `const ${name} = require('${from}')`),
    ]
    const main = `async function main() {${servePages}${serve}}\nmain()`
    await writeFile(join(folder, `${framework}.cjs`), [...lines, main].join('\n'))
    expect(await run(folder, process.execPath, [`${framework}.cjs`])).toBe('200 hello\n')
  })

  test.each(['mts', 'cts'])('and compiles in a .%s file', async (extension) => {
    const file = `${framework}.${extension}`
    const lines = [
      ...imports[framework].map(([names, from]) => `import { ${names} } from '${from}'`),
      ...defaults.map(([name, from]) =>
        extension === 'cts' && name !== 'fastify'
          ? `import ${name} = require('${from}')`
          : `import ${name} from '${from}'`,
      ),
    ]
    const typed = serve.replace('server.address().port', '(server.address() as { port: number }).port')
    const main = `export async function main() {${servePages}${typed}}`
    await writeFile(join(folder, file), [...lines, main].join('\n'))
    const options = ['--noEmit', '--strict', '--skipLibCheck', '--types', 'node', '--target', 'es2022']
    await run(folder, tool('tsc'), [...options, '--module', 'node16', '--moduleResolution', 'node16', file])
  })
})
