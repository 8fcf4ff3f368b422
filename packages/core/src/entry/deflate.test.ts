import { randomBytes } from 'node:crypto'
import { inflateRawSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { deflate } from './deflate.ts'

test.each([0, 1, 4_096, 32 * 1024, 32 * 1024 + 1, 500_000])('%d bytes come back as they were', async (bytes) => {
  const raw = randomBytes(bytes)
  expect(inflateRawSync(await deflate(raw)).equals(raw)).toBe(true)
})

test('what is small is done at once', () => {
  expect(deflate(Buffer.alloc(4_096))).toBeInstanceOf(Buffer)
})

test('however many large ones come at once, all are done', async () => {
  const raw = Buffer.alloc(100_000, 'x')
  const deflated = await Promise.all(Array.from({ length: 200 }, () => deflate(raw)))
  for (const one of deflated) expect(inflateRawSync(one).equals(raw)).toBe(true)
})
