import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { cleanup } from '../support/cleanup.ts'
import { freePort } from '../support/free-port.ts'
import { reapWithThisProcess } from '../support/reaper.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { Visitor } from '../support/session-visitor.ts'
import { until } from '../support/until.ts'

const root = new URL('../../', import.meta.url)
const after = cleanup()

test("the README's first service does what the README says", async () => {
  const readme = await readFile(new URL('packages/express-adapter/README.md', root), 'utf8')
  const block = /```js\n(\/\/ shop\.mjs\n[\s\S]*?)```/.exec(readme)?.[1] ?? ''
  const redis = await startRedisServer()
  after(() => redis.stop())
  const port = await freePort()
  const shop = block.replace('redis://127.0.0.1:6379', redis.url).replace('listen(3000)', `listen(${port})`)
  expect(shop).toContain(redis.url)
  expect(shop).toContain(String(port))

  // With an extension of TypeScript the names of the packages lead to their sources.
  const file = new URL(`.cache/express-readme-${port}.mts`, root)
  await mkdir(new URL('.', file), { recursive: true })
  await writeFile(file, shop)
  after(() => rm(file))
  const service = spawn(process.execPath, ['--import', 'tsx', fileURLToPath(file)], { cwd: fileURLToPath(root) })
  reapWithThisProcess(service)
  after(async () => {
    service.kill('SIGKILL')
    await once(service, 'exit')
  })

  const url = `http://127.0.0.1:${port}`
  await until(async () => (await fetch(url).catch(() => undefined))?.status === 200, 'the service answers', 30_000)
  const login = await fetch(`${url}/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user: 'ann' }),
  })
  expect(await login.json()).toEqual({ welcome: 'ann' })
  const visitor = new Visitor(url, login.headers.getSetCookie()[0]?.split(';')[0])
  expect((await visitor.ask('POST', '/cart', { item: 'tea' })).status).toBe(200)

  await redis.kill()
  expect(await visitor.ask('GET', '/')).toMatchObject({ status: 200, body: { user: null, degraded: true } })
  expect(await visitor.ask('GET', '/cart')).toMatchObject({ status: 503, retryAfter: expect.any(Number) })
})
