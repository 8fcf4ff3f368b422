import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { startMetricsService } from '../../test/support/metrics-service.ts'

const read = (file: string) => readFile(new URL(file, import.meta.url), 'utf8')

test('the README shows what runs here', async () => {
  const shown = /<!-- service\.ts -->\n```ts\n(.*?)```/s.exec(await read('README.md'))?.[1]
  expect(shown).toContain('collectMetrics')
  expect(await read('service.ts')).toContain(shown)
})

test('it answers, tells its health and its metrics, and ends when it is told to', async () => {
  const service = await startMetricsService({})
  try {
    expect(await service.get('/products/7')).toContain('Product 7')
    expect(JSON.parse(await service.get('/health'))).toMatchObject({ mode: 'normal', findings: [] })
    expect(await service.get('/metrics')).toMatch(/^plimsoll_loads_total\{.*namespace="product".*outcome="ok".*\} 1$/m)
  } finally {
    expect(await service.stop()).toBe(0)
  }
})
