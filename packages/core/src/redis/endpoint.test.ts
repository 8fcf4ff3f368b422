import fc from 'fast-check'
import { ReplyError } from 'ioredis'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { BreakerOpenError } from '../breaker/breaker.ts'
import { Endpoint } from './endpoint.ts'
import type { Client, Topology } from './topology.ts'

const answers = [
  'OK',
  'OOM command not allowed',
  'MISCONF errors writing',
  'READONLY a replica',
  'NOREPLICAS',
  'WRONGTYPE',
]
const troubles = ['hangs', 'breaks'] as const
const commandTimeout = 200
const probeKey = 'shop:{plimsoll}:probe'

/** Clients that answer what the test says. */
class FakeClients {
  readonly clients: Client[] = []
  /** Keys of commands, in the order in which they were sent, and by which client. */
  readonly sent: { readonly key: string; readonly client: number }[] = []
  reply = 'OK'

  readonly topology: Topology = {
    kind: 'standalone',
    hasReader: false,
    open: () => {
      const client = this.clients.length
      const answer = (key: string) => this.#answer(key, client)
      const fake = { status: 'ready', on() {}, async connect() {}, disconnect() {}, get: answer, unlink: answer }
      this.clients.push(fake as unknown as Client)
      return fake as unknown as Client
    },
  }

  #answer(key: string, client: number): Promise<string> {
    this.sent.push({ key, client })
    if (this.reply === 'hangs') return new Promise(() => {})
    if (this.reply === 'breaks') return Promise.reject(new Error('Connection is closed.'))
    return this.reply === 'OK' ? Promise.resolve('OK') : Promise.reject(new ReplyError(this.reply))
  }
}

const opened: Endpoint[] = []

function open(connections = 1) {
  const redis = new FakeClients()
  const events = { onReady() {}, onClose() {}, onError() {}, onTransition() {} }
  const endpoint = new Endpoint({
    topology: redis.topology,
    role: 'primary',
    connections,
    commandTimeout,
    probeKey,
    ...events,
  })
  opened.push(endpoint)
  const ask = async (side: 'read' | 'write', reply: string): Promise<unknown> => {
    redis.reply = reply
    const outcome = endpoint[side]
      .run(() => endpoint.ofKey('a').run((client) => client.get('a'), commandTimeout))
      .catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(reply === 'hangs' ? commandTimeout + 1 : 0)
    return await outcome
  }
  return { redis, endpoint, ask }
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  for (const endpoint of opened.splice(0)) endpoint.close()
  vi.useRealTimers()
})

const side = fc.constantFrom('read' as const, 'write' as const)
const answered = fc.array(fc.record({ reply: fc.constantFrom(...answers), pause: fc.constantFrom(0, 0, 700) }), {
  maxLength: 30,
})
const runs = { numRuns: Math.ceil(Number(process.env['INTERLEAVINGS'] ?? 5_000) / 100) }

describe('the breakers of an endpoint', () => {
  test('stay closed whatever Redis answers', async () => {
    await fc.assert(
      fc.asyncProperty(side, answered, async (side, replies) => {
        const { endpoint, ask } = open()
        for (const { reply, pause } of replies) {
          await ask(side, reply)
          await vi.advanceTimersByTimeAsync(pause)
          expect(endpoint).toMatchObject({ read: { state: 'closed' }, write: { state: 'closed' } })
        }
      }),
      runs,
    )
  }, 600_000)

  test('open on three hangs or broken connections in a row; then nobody waits, and only a probe asks', async () => {
    const three = fc.tuple(...([1, 2, 3] as const).map(() => fc.constantFrom(...troubles)))
    await fc.assert(
      fc.asyncProperty(
        side,
        answered,
        three,
        fc.array(fc.nat(200), { maxLength: 5 }),
        async (side, replies, bad, pauses) => {
          const { redis, endpoint, ask } = open()
          for (const { reply } of replies) await ask(side, reply)
          for (const trouble of bad) await ask(side, trouble)
          expect(endpoint[side].state).toBe('open')
          redis.reply = 'hangs'
          const before = redis.sent.length
          for (const pause of pauses) {
            // No time passes for whoever asks now, and nothing of his is sent.
            await expect(
              endpoint[side].run(() => endpoint.ofKey('a').run((client) => client.get('a'), 200)),
            ).rejects.toThrow(BreakerOpenError)
            await vi.advanceTimersByTimeAsync(pause)
          }
          expect(new Set(redis.sent.slice(before).map(({ key }) => key)).has('a')).toBe(false)
          redis.reply = 'OK'
          await vi.advanceTimersByTimeAsync(1_500)
          expect(redis.sent.at(-1)?.key).toBe(probeKey)
          expect(endpoint[side].state).toBe('closed')
        },
      ),
      runs,
    )
  }, 600_000)
})

test('all commands of one key take one connection, however many others there are and however busy', () => {
  const someKeys = fc.array(fc.tuple(fc.string(), fc.boolean()), { maxLength: 60 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), someKeys, (connections, keys) => {
      const { redis, endpoint } = open(connections)
      redis.reply = 'hangs'
      const places = new Map<string, unknown>()
      for (const [key, isRead] of keys) {
        if (isRead)
          void endpoint
            .leastBusy()
            .run((client) => client.get(key), commandTimeout)
            .catch(() => {})
        const connection = endpoint.ofKey(key)
        void connection.run((client) => client.get(key), commandTimeout).catch(() => {})
        expect(connection).toBe(places.get(key) ?? connection)
        places.set(key, connection)
      }
      expect(endpoint.opened).toBeLessThanOrEqual(connections)
      vi.clearAllTimers()
    }),
  )
})
