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

test.each(['shop.ts', 'watched.ts', 'sessions.ts'])('the README shows what runs here: %s', async (file) => {
  const readme = await readFile(`${folder}../../README.md`, 'utf8')
  const [, after = ''] = readme.split(`<!-- examples/first-use/${file} -->\n\`\`\`ts\n`)
  const shown = after.slice(0, after.indexOf('```'))
  const body = shown.slice(shown.indexOf('\n\n')).trim()
  expect(body).toMatch(/create(Cache|Sessions)/)
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

test('sessions log in where there is a Redis, and say when to come back where there is none', async () => {
  const redis = await startRedisServer()
  const environment = { SESSION_REDIS_URL: redis.url, SESSION_SECRET: 'for a test' }
  try {
    expect(await run(environment, 'sessions.ts')).toBe('login 303 null\ncart 200 []\n')
  } finally {
    await redis.stop()
  }
  expect(await run(environment, 'sessions.ts')).toMatch(/^login 503 [1-5]\ncart 401/)
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
