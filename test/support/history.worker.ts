import { setTimeout as pause } from 'node:timers/promises'
import { createCache } from '../../packages/core/src/index.ts'
import { answerRequests } from './fleet-worker.ts'
import type { HistoryEvent, HistoryMessage, HistoryReport } from './history.ts'
import { counterKeys, itemKeys, tagOf } from './history.ts'
import { HistorySource } from './history-source.ts'

const [name = '', redisUrl = '', sourceUrl = ''] = process.argv.slice(2)
const source = new HistorySource(sourceUrl)
const cache = createCache({ name: 'history', redis: redisUrl, staleIfError: 0 })
const policy = { ttl: '20s', negativeTtl: '20s', local: { ttl: '20s' } } as const
const items = cache.namespace<string>({
  ...policy,
  name: 'item',
  tags: (key) => [tagOf(key)],
  load: (key) => source.read(key),
  save: (key, value) => source.write(key, value),
})
const counters = cache.namespace<string>({
  ...policy,
  name: 'counter',
  version: Number,
  load: (key) => source.read(key),
  save: (key, value, { replaces }) => source.replace(key, value, replaces),
})

type WriteEvent = Extract<HistoryEvent, { kind: 'write' }>

const events: HistoryEvent[] = []
const errors: Record<string, number> = {}
/** Writes that Redis had not taken when they were acknowledged. */
let untold: WriteEvent[] = []
let running = false
let written = 0
let unwellAt = 0

function pick<T>(list: readonly T[]): T {
  return list[Math.floor(Math.random() * list.length)] as T
}

function nextValue(): string {
  written += 1
  return `${name}-${written}`
}

async function read(key: string, get: (key: string) => Promise<string | undefined>): Promise<void> {
  const event = { kind: 'read', key, startedAt: Date.now(), started: performance.now() } as const
  const value = await get(key)
  watch()
  events.push({ ...event, value, ended: performance.now(), endedAt: Date.now(), unwellAt })
}

async function write(what: string, key: string, run: (value: string) => Promise<string | undefined>): Promise<void> {
  const startedAt = Date.now()
  const started = performance.now()
  const value = await run(nextValue())
  const ended = performance.now()
  watch()
  const event: WriteEvent = {
    kind: 'write',
    what,
    key,
    value,
    started,
    startedAt,
    ended,
    endedAt: Date.now(),
    unwellAt,
  }
  events.push(event)
  if (isTelling()) untold.push(event)
}

async function change(what: string, key: string, tell: () => Promise<void>): Promise<void> {
  await write(what, key, async (value) => {
    await source.write(key, value)
    await tell()
    return value
  })
}

async function step(): Promise<void> {
  const key = pick(itemKeys)
  const other = pick(itemKeys)
  const chance = Math.random() * 100
  if (chance < 60) await read(key, (key) => items.get(key))
  else if (chance < 66) await read(pick(counterKeys), (key) => counters.get(key))
  else if (chance < 76)
    await write('set', key, async (value) => {
      await items.set(key, value)
      return value
    })
  else if (chance < 80)
    await write('setMany', key, async (value) => {
      await items.setMany([
        [key, value],
        [other === key ? 'aside' : other, nextValue()],
      ])
      return value
    })
  else if (chance < 85) await change('delete', key, () => items.delete(key))
  else if (chance < 88) await change('deleteMany', key, () => items.deleteMany([key, other]))
  else if (chance < 92) await change('invalidateTag', key, () => items.invalidateTag(tagOf(key)))
  else if (chance < 93) await change('clear', key, () => items.clear())
  else {
    const counter = pick(counterKeys)
    await write('update', counter, () => counters.update(counter, (value) => String(Number(value ?? 0) + 1)))
  }
}

function isTelling(): boolean {
  return cache.health().redis.pendingInvalidations > 0
}

/** Notes the last moment at which this process knew that it was cut off. */
function watch(): void {
  const { redis, breakers } = cache.health()
  const isWell = redis.channel === 'connected' && redis.status === 'ready' && breakers.read === 'closed'
  if (!isWell) unwellAt = Date.now()
  if (untold.length > 0 && redis.pendingInvalidations === 0) {
    for (const event of untold) event.toldAt = Date.now()
    untold = []
  }
}

async function loop(): Promise<void> {
  while (running) {
    try {
      await step()
    } catch (error) {
      const kind = error instanceof Error ? error.name : 'unknown'
      errors[kind] = (errors[kind] ?? 0) + 1
    }
    await pause(Math.random() * 40)
  }
}

let loops: Promise<void>[] = []
let watching: NodeJS.Timeout | undefined

answerRequests<HistoryMessage, HistoryReport | undefined>(
  async (message) => {
    if (message === 'start') {
      running = true
      watching = setInterval(watch, 20)
      loops = Array.from({ length: 4 }, loop)
      return undefined
    }
    running = false
    await Promise.all(loops)
    clearInterval(watching)
    return { name, events, errors }
  },
  async () => {
    await cache.close()
    source.close()
  },
)
