import { describe, expect, test } from 'vitest'
import { diagnose } from '../../packages/core/src/findings/diagnose.ts'
import { type EvidenceChanges, exampleEvidence } from '../../packages/core/src/findings/example-evidence.ts'
import { openWatching, patience, seenBy, startOperated } from '../support/pressure-redis.ts'
import { test as withSteps } from '../support/pressure-test.ts'
import { until } from '../support/until.ts'

const mebi = 1024 ** 2

// No test can give its own process another container: what it reads there is put in its place.
describe('the service itself, of a container of 256 MiB', () => {
  const found = (client: EvidenceChanges['client'], id: string) =>
    diagnose(exampleEvidence({ client })).find((finding) => finding.id === id)
  const process = (rss: number) => ({ process: { rss: rss * mebi, limit: 256 * mebi } })

  test.each([
    [193, 'warning'],
    [240, 'critical'],
  ])('app-memory-tight at %i MiB: %s', (rss, severity) => {
    const finding = found(process(rss), 'app-memory-tight')
    expect(finding).toMatchObject({ severity, evidence: [expect.stringContaining(`${rss} MiB of 256 MiB`)] })
    expect(finding?.remedy.say).toMatch(/local\.maxBytes/)
  })

  test('190 MiB are not, and neither is a container without a limit', () => {
    expect(found(process(190), 'app-memory-tight')).toBeUndefined()
    expect(found({ process: { rss: 900 * mebi, limit: undefined } }, 'app-memory-tight')).toBeUndefined()
  })

  test('local-cache-unbounded where nothing bounds it', () => {
    expect(found({ localBounded: false }, 'local-cache-unbounded')).toMatchObject({ severity: 'warning' })
    expect(found({ localBounded: true }, 'local-cache-unbounded')).toBeUndefined()
  })
})

withSteps(
  'the dictionary that grew: one entry for each coupon and user stays within its bytes',
  async ({ afterwards }) => {
    const { redis } = await startOperated(afterwards, { maxmemory: '64mb', 'maxmemory-policy': 'allkeys-lru' })
    const opened = openWatching(afterwards, { redis: redis.url, local: { maxBytes: '1Mi', ttl: '1h' } })
    await until(() => seenBy(opened).node !== undefined, 'the first look', patience)
    const pushed = 10_000
    for (let first = 0; first < pushed; first += 200) {
      await Promise.all(Array.from({ length: 200 }, (_, n) => opened.items.set(`coupon-${first + n}`, 'x'.repeat(300))))
      expect(opened.cache.health().local?.bytes).toBeLessThanOrEqual(mebi)
    }
    const { local } = opened.cache.health()
    expect(local?.maxBytes).toBe(mebi)
    expect(local?.entries).toBeGreaterThan(100)
    expect(local?.entries).toBeLessThan(pushed / 2)
    expect(seenBy(opened).findings).not.toHaveProperty('local-cache-unbounded')
  },
)
