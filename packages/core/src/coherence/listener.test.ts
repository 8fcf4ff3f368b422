import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import type { SubscriberConnection } from '../redis/subscriber.ts'
import { SteppingClock, settle } from '../testing-support/stepping-clock.ts'
import { Listener } from './listener.ts'

/** A connection whose Redis refuses CLIENT, or not. */
class StubClient extends EventEmitter {
  status = 'ready'
  refuses = false
  reconnects = 0
  readonly asked: string[] = []

  async connect(): Promise<void> {}

  async call(...words: string[]): Promise<number> {
    this.asked.push(words.join(' '))
    if (this.refuses) throw Object.assign(new Error('NOPERM'), { name: 'ReplyError' })
    return 7
  }

  async subscribe(...channels: string[]): Promise<void> {
    this.asked.push(`SUBSCRIBE ${channels.join(' ')}`)
  }

  disconnect(reconnect = false): void {
    if (!reconnect) return
    this.reconnects += 1
    this.emit('close')
    this.emit('ready')
  }
}

async function open(prefix: string | undefined, refuses = false) {
  const clock = new SteppingClock(0)
  const client = new StubClient()
  client.refuses = refuses
  const told: unknown[] = []
  const listener = new Listener(client as unknown as SubscriberConnection, ['own'], prefix, clock, {
    onMessage: (channel, text) => told.push([channel, text]),
    onTouched: (names) => told.push(names?.map(String) ?? 'all'),
    onDoubt: (reason) => told.push(reason),
    onRefused: () => told.push('refused'),
    onTrackingRefused: () => told.push('tracking refused'),
  })
  client.emit('ready')
  await settle()
  const beat = () => client.emit('messageBuffer', Buffer.from('own'), Buffer.from('beat'))
  const liveOn = async (seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      await clock.advance(1_000)
      beat()
      listener.check(clock.now())
      await settle()
    }
  }
  return { clock, client, told, listener, beat, liveOn }
}

test('asks for tracking before it subscribes, redirected to itself, and hears of keys', async () => {
  const { client, told, listener } = await open('shop:{')
  expect(client.asked).toEqual([
    'CLIENT ID',
    'CLIENT TRACKING ON REDIRECT 7 BCAST PREFIX shop:{',
    'SUBSCRIBE __redis__:invalidate',
    'SUBSCRIBE own',
  ])
  expect([listener.state, listener.tracking]).toEqual(['connected', 'connected'])
  const channel = Buffer.from('__redis__:invalidate')
  client.emit('messageBuffer', channel, [Buffer.from('shop:{item:a}:v')])
  client.emit('messageBuffer', channel, null)
  client.emit('messageBuffer', Buffer.from('own'), Buffer.from('beat'))
  expect(told).toEqual(['gap', ['shop:{item:a}:v'], 'all', ['own', 'beat']])
})

test('asks for nothing but its channels without a prefix', async () => {
  const { client, listener } = await open(undefined)
  expect(client.asked).toEqual(['SUBSCRIBE own'])
  expect([listener.state, listener.tracking]).toEqual(['connected', 'off'])
})

test('goes on without tracking where that is refused, and asks again a minute later', async () => {
  const { client, told, listener, liveOn } = await open('shop:{', true)
  expect([listener.state, listener.tracking]).toEqual(['connected', 'refused'])
  expect(told).toEqual(['tracking refused', 'gap'])
  client.refuses = false
  await liveOn(59)
  expect(client.reconnects).toBe(0)
  await liveOn(1)
  expect([client.reconnects, listener.tracking]).toEqual([1, 'connected'])
  expect(told.at(-1)).toBe('gap')
})

test('is lost when it has heard nothing for three seconds, and connects anew', async () => {
  const { clock, client, told, listener } = await open('shop:{')
  await clock.advance(2_999)
  listener.check(clock.now())
  expect(listener.tracking).toBe('connected')
  client.refuses = true
  await clock.advance(1)
  listener.check(clock.now())
  expect(told.at(-1)).toBe('lost')
  expect([client.reconnects, listener.tracking]).toEqual([1, 'lost'])
  await settle()
  expect([listener.state, listener.tracking]).toEqual(['connected', 'refused'])
})
