import { randomBytes } from 'node:crypto'
import { inflateRawSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { deflate } from './deflate.ts'

const inflated = async (deflated: Promise<Buffer | undefined> | Buffer) =>
  inflateRawSync((await deflated) ?? Buffer.alloc(0))

test.each([0, 1, 4_096, 32 * 1024, 32 * 1024 + 1, 500_000])('%d bytes come back as they were', async (bytes) => {
  const raw = randomBytes(bytes)
  expect((await inflated(deflate(raw))).equals(raw)).toBe(true)
})

test('what is small is done at once', () => {
  expect(deflate(Buffer.alloc(4_096))).toBeInstanceOf(Buffer)
})

test('however many large ones come at once, all are done', async () => {
  const raw = Buffer.alloc(100_000, 'x')
  const all = Array.from({ length: 200 }, () => inflated(deflate(raw)))
  for (const one of await Promise.all(all)) expect(one.equals(raw)).toBe(true)
})

test('beyond 32 MiB that wait they are left as they are, until less does', async () => {
  const raw = Buffer.alloc(1024 * 1024, 'x')
  const flood = () => Promise.all(Array.from({ length: 50 }, () => deflate(raw)))
  for (const deflated of [await flood(), await flood()]) {
    expect(deflated.map((one) => one !== undefined)).toEqual(deflated.map((_, index) => index < 4 + 32))
  }
})

test('those that fail give their place back, and what they took of the room to wait', async () => {
  const raw = Buffer.alloc(1024 * 1024, 'x')
  const unreadable = { length: raw.length } as Buffer
  const flood = (one: Buffer) => Promise.allSettled(Array.from({ length: 50 }, () => deflate(one)))
  const isDone = (outcome: PromiseSettledResult<Buffer | undefined>) =>
    outcome.status === 'fulfilled' && outcome.value !== undefined
  expect((await flood(unreadable)).filter(({ status }) => status === 'rejected')).toHaveLength(4 + 32)
  expect((await flood(raw)).filter(isDone)).toHaveLength(4 + 32)
})
