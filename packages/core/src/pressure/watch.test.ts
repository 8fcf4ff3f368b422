import { describe, expect, test, vi } from 'vitest'
import { defaultPressure } from '../options/pressure-options.ts'
import { SteppingClock } from '../testing-support/stepping-clock.ts'
import { Watch } from './watch.ts'
import { WriteGate } from './write-gate.ts'

const mebi = 1024 ** 2

interface Told {
  readonly run?: string
  readonly uptime?: number
  readonly used: number
  readonly rss?: number
  readonly max?: number
  readonly policy?: string
  readonly keys?: number
  readonly exceeded?: number
}

function info({
  run = 'a',
  uptime = 5_000,
  used,
  rss,
  max = 0,
  policy = 'noeviction',
  keys = 10_000,
  exceeded = 0,
}: Told) {
  return [
    ...['redis_version:7.0.15', `run_id:${run}`, `uptime_in_seconds:${uptime}`, 'loading:0', 'role:master'],
    ...[`used_memory:${used}`, `used_memory_rss:${rss ?? used + 4 * mebi}`, `total_system_memory:${64 * 1024 * mebi}`],
    ...[`maxmemory:${max}`, `maxmemory_policy:${policy}`, 'mem_not_counted_for_evict:0', 'mem_clients_normal:0'],
    ...['evicted_keys:0', `current_eviction_exceeded_time:${exceeded}`, `db0:keys=${keys},expires=0,avg_ttl=0`],
  ].join('\r\n')
}

function open(declared?: number) {
  const clock = new SteppingClock(1_000_000)
  const gate = new WriteGate(
    clock,
    () => 0,
    () => {},
  )
  const events = { onEmptied: vi.fn(), onLearned: vi.fn(), onDisproved: vi.fn() }
  const watch = new Watch(clock, defaultPressure, declared, gate, events)
  const look = async (...nodes: Told[]) => {
    await clock.advance(1_000)
    watch.take(
      nodes.map((told, index) => ({
        node: String(index + 1),
        info: info(told),
        memoryStats: undefined,
        keys: undefined,
      })),
    )
    return watch.mode
  }
  return { clock, gate, events, watch, look }
}

/** Grows to its death at 64 MiB of resident memory, and comes back empty. */
async function die({ look, watch }: ReturnType<typeof open>, run: number): Promise<void> {
  for (let size = 20; size <= 59; size += 3)
    await look({ run: `run-${run}`, used: size * mebi, rss: (size + 4) * mebi })
  watch.lost()
  await look({ run: `run-${run + 1}`, uptime: 1, used: mebi, keys: 0 })
}

describe('the mode', () => {
  test('follows the limit that was declared, and the gate follows the mode', async () => {
    const { gate, look } = open(64 * mebi)
    expect(await look({ used: 30 * mebi })).toBe('normal')
    expect(await look({ used: 30 * mebi })).toBe('normal')
    expect(gate.admitted).toBe(1)
    expect(await look({ used: 58 * mebi })).toBe('read-only')
    expect(gate.admitted).toBe(0)
  })

  test('is of the worst node', async () => {
    const { look, watch } = open()
    const max = 100 * mebi
    expect(
      await look({ used: 10 * mebi, max }, { used: 85 * mebi, max }, { used: 99 * mebi, max, policy: 'allkeys-lru' }),
    ).toBe('conserving')
    expect(Object.keys(watch.view())).toEqual(['1', '2', '3'])
    await look({ used: 10 * mebi, max })
    expect(Object.keys(watch.view())).toEqual(['1'])
  })

  test('knows of a full Redis that has refused none of our own writes', async () => {
    const { gate, look } = open()
    const full = { used: 100 * mebi, max: 100 * mebi, exceeded: 5 }
    await look(full)
    expect(gate.refusal).toBeUndefined()
    await look(full)
    expect(gate).toMatchObject({ refusal: 'oom', refused: 0 })
  })

  test.each([
    ['evicts and is only behind with it', 10_000, undefined],
    ['has evicted all there was', 0, 'oom'],
  ])('takes a Redis over its maxmemory for full where it %s', async (_what, keys, refusal) => {
    const { gate, look } = open()
    for (let count = 0; count < 3; count++) {
      await look({ used: 110 * mebi, max: 100 * mebi, exceeded: 5, policy: 'allkeys-lru', keys })
    }
    expect(gate.refusal).toBe(refusal)
  })

  test('is judged anew once Redis takes writes again', async () => {
    const { look, watch } = open()
    await look({ used: 99 * mebi, max: 100 * mebi })
    expect(watch.mode).toBe('shedding')
    await look({ used: 40 * mebi, max: 100 * mebi })
    expect(watch.mode).toBe('shedding')
    watch.recover()
    expect(watch.mode).toBe('normal')
  })

  test('is decided by nothing where nothing is told', async () => {
    const { clock, watch } = open(64 * mebi)
    await clock.advance(1_000)
    watch.take([{ node: '1', info: undefined, memoryStats: undefined, keys: undefined }])
    watch.take([
      { node: '1', info: 'used_memory:18446744073702280352\r\nnonsense', memoryStats: undefined, keys: undefined },
    ])
    expect(watch.mode).toBe('normal')
  })
})

describe('the line that deaths teach', () => {
  test('is learned from the second, told to the others, and kept to', async () => {
    const opened = open()
    const { events, watch, look } = opened
    await die(opened, 1)
    expect(events.onEmptied).toHaveBeenCalledWith('restart')
    expect(watch.learned).toBeUndefined()
    await die(opened, 2)
    expect(events.onLearned).toHaveBeenCalledTimes(1)
    expect(watch.learned).toMatchObject({ deaths: 2, confidence: 'low' })
    expect((watch.learned?.bytes ?? 0) / mebi).toBeGreaterThan(60)
    expect((watch.learned?.bytes ?? 0) / mebi).toBeLessThan(70)
    const run = { run: 'run-3', used: 10 * mebi, keys: 2_000 }
    await look(run)
    expect(watch.mode).toBe('normal')
    await look({ ...run, used: 60 * mebi })
    expect(watch.mode).toBe('read-only')
  })

  test('is learned from a node of a cluster too, which does not answer while it is dead', async () => {
    const opened = open()
    const { watch } = opened
    const other = { run: 'other', used: 10 * mebi }
    const look = async (told?: Told) => opened.look(other, ...(told ? [told] : []))
    for (let run = 1; run <= 2; run++) {
      for (let size = 20; size <= 59; size += 3)
        await look({ run: `run-${run}`, used: size * mebi, rss: (size + 4) * mebi })
      await look()
      await look()
      expect(Object.keys(watch.view())).toEqual(['1'])
      await look({ run: `run-${run + 1}`, uptime: 1, used: mebi, keys: 0 })
    }
    expect(opened.events.onEmptied).toHaveBeenCalledTimes(2)
    expect(watch.learned).toMatchObject({ deaths: 2 })
  })

  test('makes the gate fill the empty Redis slowly', async () => {
    const opened = open()
    await die(opened, 1)
    expect(opened.gate.admitted).toBe(0.25)
  })

  test('is no line where Redis was only restarted or flushed, but it is filled slowly too', async () => {
    const { look, gate, events, watch } = open()
    for (let count = 0; count < 5; count++) await look({ used: 30 * mebi })
    await look({ used: mebi, keys: 0 })
    expect(events.onEmptied).toHaveBeenLastCalledWith('flush')
    expect(gate.admitted).toBe(0.5)
    for (let count = 0; count < 15; count++) await look({ used: 30 * mebi })
    expect(gate.admitted).toBe(1)
    for (let restart = 0; restart < 3; restart++) {
      for (let count = 0; count < 5; count++) await look({ run: `b${restart}`, used: 30 * mebi })
      await look({ run: `b${restart + 1}`, uptime: 1, used: mebi, keys: 0 })
    }
    expect(events.onEmptied).toHaveBeenLastCalledWith('restart')
    expect(watch.learned).toBeUndefined()
  })

  test('is taken over from the others, unless a limit was declared', async () => {
    const line = { bytes: 61 * mebi, deaths: 3, confidence: 'medium' as const }
    const { watch } = open()
    watch.learn(line)
    expect(watch.learned).toEqual(line)
    const declared = open(128 * mebi).watch
    declared.learn(line)
    expect(declared.learned).toBeUndefined()
  })

  test.each([
    ['Redis lives beyond it', { used: 80 * mebi }],
    ['Redis uses more, and its resident size is not told', { used: 80 * mebi, rss: -1 }],
    ['somebody has changed maxmemory', { used: 10 * mebi, max: 200 * mebi }],
  ])('is dropped where %s', async (_why, told) => {
    const { watch, look, events } = open()
    await look({ used: 10 * mebi })
    watch.learn({ bytes: 61 * mebi, deaths: 3, confidence: 'medium' })
    await look(told)
    expect(watch.learned).toBeUndefined()
    expect(events.onDisproved).toHaveBeenCalledTimes(1)
  })

  test('is dropped where Redis was restarted otherwise than by a kill: its container may be another', async () => {
    const { watch, look, events } = open()
    for (let count = 0; count < 5; count++) await look({ used: 30 * mebi })
    watch.learn({ bytes: 61 * mebi, deaths: 3, confidence: 'medium' })
    await look({ run: 'b', uptime: 1, used: mebi, keys: 0 })
    expect(watch.learned).toBeUndefined()
    expect(events.onDisproved).toHaveBeenCalledTimes(1)
  })
})

describe('the next look', () => {
  test('is soon after the first, and then at leisure', async () => {
    const { watch, look } = open()
    const pauses: number[] = []
    for (let count = 0; count < 7; count++) {
      await look({ used: 10 * mebi, max: 100 * mebi })
      pauses.push(watch.pause)
    }
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000])
  })

  test('is at leisure where nothing is told', async () => {
    const { clock, watch } = open()
    for (let count = 0; count < 2; count++) {
      await clock.advance(1_000)
      watch.take([{ node: '1', info: undefined, memoryStats: undefined, keys: undefined }])
    }
    expect(watch.pause).toBe(10_000)
  })

  test('is soon where it gets full, and where this process alone writes much', async () => {
    const { watch, look } = open()
    for (let count = 0; count < 7; count++) await look({ used: 92 * mebi, max: 100 * mebi })
    expect(watch.pause).toBe(1_000)
    expect(watch.wrote(mebi)).toBe(false)
    expect(watch.wrote(mebi)).toBe(true)
    await look({ used: 92 * mebi, max: 100 * mebi })
    expect(watch.wrote(1_000)).toBe(false)
  })
})
