import { describe, expect, test } from 'vitest'
import { diagnose } from '../../packages/core/src/findings/diagnose.ts'
import { defaultPressure } from '../../packages/core/src/options/pressure-options.ts'
import { redis70, redis80Empty, valkey91 } from '../../packages/core/src/pressure/info-replies.fixture.ts'
import { Watch } from '../../packages/core/src/pressure/watch.ts'
import { WriteGate } from '../../packages/core/src/pressure/write-gate.ts'
import { SteppingClock } from '../../packages/core/src/testing-support/stepping-clock.ts'

const mebi = 1024 ** 2

type Fields = Readonly<Record<string, string | number>>

/** An answer to INFO with some of its numbers changed. */
function infoWith(fields: Fields, keyspace = '', text = redis70): string {
  let changed = text
  for (const [name, value] of Object.entries(fields)) {
    const line = new RegExp(`^${name}:.*$`, 'm')
    if (!line.test(changed)) throw new Error(`INFO has no ${name}`)
    changed = changed.replace(line, () => `${name}:${value}`)
  }
  return changed.replace('# Keyspace\n', () => `# Keyspace\n${keyspace}`)
}

/** Looks at recorded answers, as the cache does at those of a server. */
class Looks {
  readonly clock = new SteppingClock()
  readonly watch: Watch
  emptied = 0

  constructor() {
    const nothing = () => {}
    const gate = new WriteGate(this.clock, () => 0.5, nothing)
    const events = { onEmptied: () => void this.emptied++, onLearned: nothing, onDisproved: nothing }
    this.watch = new Watch(this.clock, defaultPressure, undefined, gate, events)
  }

  async take(info: string): Promise<void> {
    await this.clock.advance(10_000)
    this.watch.take([{ node: '1', info, memoryStats: undefined, keys: undefined }])
  }

  get findings(): Record<string, string> {
    const view = this.watch.view()['1']
    if (view === undefined) throw new Error('nothing was looked at yet')
    const found = diagnose({ target: 'main', purpose: 'cache', ...view })
    return Object.fromEntries(found.map(({ id, severity }) => [id, severity]))
  }
}

/** At a share of its maxmemory of 100 MiB, where nothing can be evicted. */
const filled = (share: number): Fields => ({
  ...{ used_memory: Math.round(share * 100 * mebi), used_memory_rss: 112 * mebi, used_memory_peak: 100 * mebi },
  ...{ maxmemory: 100 * mebi, mem_fragmentation_ratio: 1.12, mem_fragmentation_bytes: 12 * mebi },
})
const keys = 'db0:keys=50000,expires=50000,avg_ttl=5000\n'

describe('numbers that cannot be true', () => {
  test.each([
    ['Redis 8.0 while it is empty', redis80Empty],
    ['Valkey 9.1 with a slow reader', valkey91],
    ['Valkey 8.1, whose used memory ran below zero', infoWith({ used_memory: '18446744073702280352' })],
  ])('%s: a finding, and nothing else', async (_, text) => {
    const looks = new Looks()
    for (let n = 0; n < 3; n++) await looks.take(text)
    expect(looks.watch.mode).toBe('normal')
    expect(looks.findings).toMatchObject({ 'telemetry-implausible': 'info' })
    expect(Object.values(looks.findings)).not.toContain('critical')
    expect(looks.emptied).toBe(0)
    await looks.take(redis70)
    expect(looks.findings).not.toHaveProperty('telemetry-implausible')
  })

  const numbers = [...redis70.matchAll(/^([a-z_0-9]+):[\d.]+%?$/gm)].map(([, name = '']) => name)
  const modes = [
    ['normal', 0.5],
    ['conserving', 0.85],
    ['shedding', 0.93],
  ] as const
  const nonsense = ['18446744073709525232', '-1', '99999999999999999999', 'nan', '-nan', 'inf', '1e30', '', 'x']

  test.each(modes)('in none of its fields do they change the mode %s', async (mode, share) => {
    expect(numbers.length).toBeGreaterThan(100)
    const sane = infoWith(filled(share), keys)
    for (const field of numbers) {
      const looks = new Looks()
      for (let n = 0; n < 3; n++) await looks.take(sane)
      expect({ field, mode: looks.watch.mode }).toEqual({ field, mode })
      for (const value of nonsense) {
        await looks.take(infoWith({ ...filled(share), [field]: value }, keys))
        expect({ field, value, mode: looks.watch.mode }).toEqual({ field, value, mode })
      }
      expect({ field, emptied: looks.emptied, restarts: looks.watch.restarts }).toEqual({
        ...{ field, emptied: 0, restarts: { kept: 0, lost: 0 } },
      })
    }
  })

  test('nor in the keyspace: they are no flush, no mass eviction and no lack of keys to evict', async () => {
    const looks = new Looks()
    const sane = { ...filled(0.99), maxmemory_policy: 'volatile-lru', evicted_keys: 100_000 }
    for (let n = 0; n < 3; n++) await looks.take(infoWith(sane, keys))
    for (const text of ['18446744073709551615,expires=3', '-5,expires=0', '5', '']) {
      await looks.take(infoWith({ ...sane, evicted_keys: 100_010 }, `db0:keys=${text}\n`))
      expect({ text, mode: looks.watch.mode, emptied: looks.emptied }).toEqual({ text, mode: 'normal', emptied: 0 })
      expect(looks.findings).toMatchObject({ 'telemetry-implausible': 'info' })
    }
  })

  test('a counter that was not told at first has not counted everything since then', async () => {
    const looks = new Looks()
    const evicting = { ...filled(0.99), maxmemory_policy: 'allkeys-lru', evicted_keys: 1_000_000 }
    await looks.take(infoWith({ ...evicting, evicted_keys: '18446744073709551615' }, keys))
    for (let n = 0; n < 3; n++) await looks.take(infoWith(evicting, keys))
    expect(looks.watch.mode).toBe('normal')
    expect(looks.findings).not.toHaveProperty('mass-eviction')
  })

  test('also not when they last', async () => {
    const looks = new Looks()
    for (let n = 0; n < 3; n++) await looks.take(infoWith(filled(0.93), keys))
    for (let n = 0; n < 60; n++)
      await looks.take(infoWith({ ...filled(0.93), used_memory: '18446744073702280352' }, keys))
    expect(looks.watch.mode).toBe('shedding')
    for (let n = 0; n < 30; n++) await looks.take(infoWith(filled(0.5), keys))
    expect(looks.watch.mode).toBe('normal')
  })
})

describe('pages that are not in memory', () => {
  const resident = (ratio: number, used = 200 * mebi): string =>
    infoWith(
      {
        ...{ used_memory: used, used_memory_rss: Math.round(used * ratio), used_memory_peak: used },
        ...{ mem_fragmentation_ratio: ratio, mem_fragmentation_bytes: Math.round(used * (ratio - 1)) },
        ...{ maxmemory: 400 * mebi, maxmemory_policy: 'allkeys-lru' },
      },
      keys,
    )

  test.each([
    [0.85, 'critical'],
    [0.95, 'warning'],
  ])('a ratio of %f is swapping (%s), and no mode', async (ratio, severity) => {
    const looks = new Looks()
    for (let n = 0; n < 2; n++) await looks.take(resident(ratio))
    expect(looks.findings).toMatchObject({ swapping: severity })
    expect(looks.findings).not.toHaveProperty('telemetry-implausible')
    expect(looks.watch.mode).toBe('normal')
  })

  test.each([
    ['all is resident', resident(1.05)],
    ['of a small Redis, whose library is shared', resident(0.8, 50 * mebi)],
  ])('none where %s', async (_, text) => {
    const looks = new Looks()
    for (let n = 0; n < 2; n++) await looks.take(text)
    expect(looks.findings).not.toHaveProperty('swapping')
  })
})
