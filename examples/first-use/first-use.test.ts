import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { startRedisServer } from '../../test/support/redis-server.ts'

const folder = new URL('.', import.meta.url).pathname

async function run(environment: NodeJS.ProcessEnv, file = 'shop.ts'): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', `${folder}${file}`], {
    env: { ...process.env, ...environment },
  })
  return stdout
}

test.each(['shop.ts', 'watched.ts'])('the README shows what runs here: %s', async (file) => {
  const readme = await readFile(`${folder}../../README.md`, 'utf8')
  const [, after = ''] = readme.split(`<!-- examples/first-use/${file} -->\n\`\`\`ts\n`)
  const shown = after.slice(0, after.indexOf('```'))
  const body = shown.slice(shown.indexOf('\n\n')).trim()
  expect(body).toContain('createCache')
  expect(await readFile(`${folder}${file}`, 'utf8')).toContain(body)
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

test('with Redis it says what is wrong with it, in words and in metrics', async () => {
  const redis = await startRedisServer()
  try {
    const output = await run({ REDIS_URL: redis.url }, 'watched.ts')
    expect(output).toContain('(no-memory-limit)')
    expect(output).toContain('plimsoll_mode{cache="shop",target="main"} 0')
  } finally {
    await redis.stop()
  }
})
