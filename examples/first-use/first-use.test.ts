import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { startRedisServer } from '../../test/support/redis-server.ts'

const folder = new URL('.', import.meta.url).pathname

async function run(environment: NodeJS.ProcessEnv): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', `${folder}shop.ts`], {
    env: { ...process.env, ...environment },
  })
  return stdout
}

test('the README shows what runs here', async () => {
  const readme = await readFile(`${folder}../../README.md`, 'utf8')
  const shown = /<!-- examples\/first-use\/shop\.ts -->\n```ts\n(.*?)```/s.exec(readme)?.[1]
  const body = shown?.slice(shown.indexOf('\n\n')).trim()
  expect(body).toContain('createCache')
  expect(await readFile(`${folder}shop.ts`, 'utf8')).toContain(body)
})

test('without Redis it answers and ends by itself', async () => {
  expect(await run({ REDIS_URL: undefined })).toContain("name: 'Anchor'")
})

test('with Redis it answers and ends by itself', async () => {
  const redis = await startRedisServer()
  try {
    const output = await run({ REDIS_URL: redis.url })
    expect(output).toContain("name: 'Anchor'")
    expect(output).toContain("health: 'normal'")
  } finally {
    await redis.stop()
  }
})
