import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findChromium } from '../../scripts/chromium.ts'
import { findPostgres } from '../../scripts/postgres.ts'
import { cleanup } from '../../test/support/cleanup.ts'
import { type PostgresServer, startPostgres } from '../../test/support/postgres-server.ts'
import { startRedisServer } from '../../test/support/redis-server.ts'
import { until } from '../../test/support/until.ts'
import { createDatabase } from './testing/database.ts'
import { type Framework, startShop } from './testing/running-shop.ts'

const program = await findChromium()
const programs = await findPostgres()
const testInBrowser = describe.skipIf('reason' in program || 'reason' in programs)

// Without them Chromium asks for updates and the like, which a closed network refuses, many at a time.
const quiet = ['--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run']
// Its sandbox does not work for root, nor in most containers.
const plain = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-dev-shm-usage']

const onCleanup = cleanup()
let browser: Browser
let postgres: PostgresServer

testInBrowser('a visitor of the shop', () => {
  beforeAll(async () => {
    if ('reason' in program) return
    ;[browser, postgres] = await Promise.all([
      chromium.launch({ executablePath: program.path, args: [...quiet, ...plain] }),
      startPostgres(),
    ])
  })

  afterAll(async () => {
    await browser?.close()
    await postgres?.stop()
  })

  test.each<Framework>(['express', 'fastify'])('on %s does not notice that Redis dies and comes back empty', visit)
})

async function visit(framework: Framework): Promise<void> {
  const cacheRedis = await startRedisServer()
  onCleanup(() => cacheRedis.stop())
  const sessionRedis = await startRedisServer()
  onCleanup(() => sessionRedis.stop())
  const shop = await startShop(framework, {
    DATABASE_URL: await createDatabase(postgres, framework),
    CACHE_REDIS_URL: cacheRedis.url,
    SESSION_REDIS_URL: sessionRedis.url,
  })
  onCleanup(() => shop.stop())
  const { page, troubles } = await openPage(shop.url)

  await page.goto('/')
  await page.getByRole('link', { name: 'Log in' }).click()
  await page.getByLabel('Name').fill('ada')
  await page.getByLabel('Password').fill('anchor and rope')
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByText('Logged in as ada').waitFor()
  await addToCart(page, 'Storm lantern')
  expect(await cartOf(page)).toEqual(['Storm lantern 1'])

  await Promise.all([cacheRedis.kill(), sessionRedis.kill()])
  await addToCart(page, "Ship's bell")
  await addToCart(page, 'Storm lantern')
  await until(async () => !(await shop.isSound()), 'the shop reports that Redis is gone')
  await addToCart(page, 'Tide tables & almanac')
  await page.reload()
  expect(await cartOf(page)).toEqual(['Storm lantern 2', "Ship's bell 1", 'Tide tables & almanac 1'])

  await Promise.all([cacheRedis.start(), sessionRedis.start()])
  await until(() => shop.isSound(), 'the shop has Redis again')
  await page.goto('/cart')
  expect(await page.getByText('Logged in as ada').isVisible()).toBe(true)
  expect(await cartOf(page)).toEqual(['Storm lantern 2', "Ship's bell 1", 'Tide tables & almanac 1'])
  await page.getByRole('button', { name: 'Order now' }).click()
  await page.getByRole('heading', { name: 'Your orders' }).waitFor()
  expect(await page.getByRole('row').filter({ hasText: '€265.90' }).count()).toBe(1)
  expect(await page.getByRole('link', { name: 'Cart (0)' }).isVisible()).toBe(true)

  const cookies = await page.context().cookies()
  expect(cookies).toMatchObject([{ name: 'sid', httpOnly: true, sameSite: 'Lax' }])
  await page.getByRole('button', { name: 'Log out', exact: true }).click()
  await page.getByRole('link', { name: 'Log in' }).waitFor()
  expect(await page.context().cookies()).toEqual([])
  await page.goBack()
  await expectLoggedOut(page)
  await page.context().addCookies(cookies)
  await page.goto('/cart')
  await expectLoggedOut(page)
  expect(troubles).toEqual([])
}

/** A page of a new visitor, and what goes wrong in it: errors of the server, of the network, and of the page's policy. */
async function openPage(baseURL: string): Promise<{ readonly page: Page; readonly troubles: readonly string[] }> {
  const context = await browser.newContext({ baseURL })
  onCleanup(() => context.close())
  context.setDefaultTimeout(10_000)
  const page = await context.newPage()
  const troubles: string[] = []
  page.on('response', (response) => {
    if (response.status() >= 400) troubles.push(`${response.status()} ${response.url()}`)
  })
  page.on('requestfailed', (request) => troubles.push(`${request.failure()?.errorText} ${request.url()}`))
  page.on('console', (message) => {
    if (message.type() === 'error') troubles.push(message.text())
  })
  return { page, troubles }
}

async function addToCart(page: Page, product: string): Promise<void> {
  await page.goto('/')
  await page.getByRole('button', { name: `Add ${product} to cart` }).click()
  await page.getByRole('heading', { name: 'Your cart' }).waitFor()
}

async function cartOf(page: Page): Promise<string[]> {
  const rows = await page.locator('tbody tr').all()
  const cell = (text: string | null) => text?.trim()
  return Promise.all(
    rows.map(async (row) =>
      [await row.locator('th').textContent(), await row.locator('.quantity').textContent()].map(cell).join(' '),
    ),
  )
}

async function expectLoggedOut(page: Page): Promise<void> {
  await page.getByRole('heading', { name: 'Log in' }).waitFor()
  expect(await page.getByText('Logged in as').count()).toBe(0)
}
