import { describe, expect, test } from 'vitest'
import {
  crashingStore,
  type EvidenceChanges,
  exampleEvidence,
  healthyNamespace,
  mendedStore,
} from './example-evidence.ts'
import { type RedHerringId, redHerringIds } from './finding.ts'
import { redHerrings } from './red-herrings.ts'

const MiB = 1024 ** 2

interface Rows {
  /** With what the dismissal must say. */
  readonly dismissed: readonly (readonly [says: RegExp, when: string, ...changes: EvidenceChanges[]])[]
  readonly notDismissed: readonly (readonly [when: string, ...changes: EvidenceChanges[]])[]
}

const clients = (connected: number, max?: number): EvidenceChanges => ({ vitals: { clients: { connected, max } } })
const persistence = (changes: NonNullable<EvidenceChanges['vitals']>['persistence']): EvidenceChanges => ({
  vitals: { persistence: changes },
})
const memory = (changes: NonNullable<EvidenceChanges['vitals']>['memory']): EvidenceChanges => ({
  vitals: { memory: changes },
})
const peak = { used: 50 * MiB, peak: 110 * MiB, rss: 112 * MiB, fragmentationRatio: 2.24, fragmentationBytes: 62 * MiB }
const missing: EvidenceChanges = { client: { namespaces: [{ ...healthyNamespace, hitRatio: 0.5 }] } }

const table: Record<RedHerringId, Rows> = {
  'rh-client-count': {
    dismissed: [[/312 of 10,000 connections \(3\.1 %\)/, 'many clients', clients(312, 10_000)]],
    notDismissed: [
      ['nobody would worry', clients(100, 10_000)],
      ['they are too many', clients(312, 350)],
      ['some were turned away', clients(312, 10_000), { trend: { rejectedConnections: 1 } }],
      ['nobody knows how many may be', clients(312)],
    ],
  },
  'rh-no-persistence': {
    dismissed: [[/right for a cache/, 'a cache']],
    notDismissed: [
      ['sessions', { purpose: 'session' }],
      ['it persists', { settings: { save: '3600 1' } }],
      ['nobody knows', { settings: undefined }],
    ],
  },
  'rh-fork-log': {
    dismissed: [
      [/Persistence is off/, 'the log says so', { log: { forkFailures: 3 } }],
      [/Persistence is off/, 'INFO says so', persistence({ lastSaveFailed: true })],
      [/MISCONF 0/, 'without CONFIG', { log: { forkFailures: 3 }, settings: undefined }],
    ],
    notDismissed: [
      ['no fork failed'],
      ['snapshots are wanted', persistence({ lastSaveFailed: true }), { settings: { save: '3600 1' } }],
      ['writes are refused', { log: { forkFailures: 3 }, trend: { misconfErrors: 1 } }],
      ['writes were refused', { log: { forkFailures: 3 }, settings: undefined, vitals: { errors: { MISCONF: 1 } } }],
    ],
  },
  'rh-missing-backup': {
    dismissed: [[/needs none/, 'changes', persistence({ changesSinceSave: 1_315_581 })]],
    notDismissed: [
      ['no changes', persistence({ changesSinceSave: 0 })],
      ['sessions', { purpose: 'session' }, persistence({ changesSinceSave: 5 })],
      ['snapshots are wanted', persistence({ changesSinceSave: 5 }), { settings: { save: '3600 1' } }],
    ],
  },
  'rh-cpu-limit': {
    dismissed: [
      [/never kills it\.$/, 'a limit', { pod: { cpuLimit: '250m' } }],
      [/killed for its memory/, 'and a kill', { pod: { cpuLimit: '250m', lastState: { exitCode: 137 } } }],
    ],
    notDismissed: [
      ['no limit'],
      ['Redis is slow', { pod: { cpuLimit: '250m' }, vitals: { totals: { eventLoopMicroseconds: 20_000 } } }],
    ],
  },
  'rh-full-cache': {
    dismissed: [[/plateau/, 'full', { fill: 0.96 }]],
    notDismissed: [
      ['not full', { fill: 0.95 }],
      ['sessions', { fill: 0.96, purpose: 'session' }],
      ['volatile', { fill: 0.96 }, memory({ policy: 'volatile-lru' })],
      ['a line that kills', { fill: 0.96, line: { kills: true } }],
      ['mass eviction', { fill: 0.96, trend: { evictedShare: 0.06 } }],
      ['refused writes', { fill: 0.96, trend: { oomErrors: 1 } }],
    ],
  },
  'rh-frag-small': {
    dismissed: [
      [/10 MiB only/, 'few bytes', memory({ fragmentationRatio: 4.9, fragmentationBytes: 10 * MiB })],
      [
        /12 MiB only/,
        'mostly the program itself',
        memory({ fragmentationRatio: 1.7, fragmentationBytes: 12 * MiB, rssOverheadBytes: 8 * MiB }),
      ],
      [
        /3 MiB are used/,
        'nearly empty',
        memory({ used: 3 * MiB, fragmentationRatio: 20.6, fragmentationBytes: 58 * MiB }),
      ],
    ],
    notDismissed: [
      ['a fair ratio', memory({ fragmentationRatio: 1.5, fragmentationBytes: MiB })],
      ['many bytes', memory({ fragmentationRatio: 1.6, fragmentationBytes: 13 * MiB })],
    ],
  },
  'rh-peak': {
    dismissed: [[/once used 110 MiB/, 'after a peak', memory(peak)]],
    notDismissed: [
      ['never was so high', memory({ ...peak, peak: 75 * MiB })],
      ['scattered', memory({ ...peak, allocatorFragmentationRatio: 1.6 })],
      ['more resident than ever used', memory({ ...peak, rss: 170 * MiB })],
    ],
  },
  'rh-errorstat-err': {
    dismissed: [[/CLIENT SETINFO/, 'Redis 7.0', { vitals: { version: '7.0.15', errors: { ERR: 80 } } }]],
    notDismissed: [
      ['none', { vitals: { version: '7.0.15' } }],
      ['Redis 7.2 knows it', { vitals: { version: '7.2.0', errors: { ERR: 80 } } }],
      ['Valkey knows it', { vitals: { engine: 'valkey', version: '7.0.0', errors: { ERR: 80 } } }],
    ],
  },
  'rh-keyspace-hits': {
    dismissed: [[/products gets 50 %/, 'clients know better', missing]],
    notDismissed: [
      ['clients say the same'],
      ['the server does not look well either', missing, { trend: { keyspaceHits: 10_000, keyspaceMisses: 10_000 } }],
      ['nobody asks', { client: { namespaces: [{ ...healthyNamespace, hitRatio: 0.5, lookupsPerSecond: 1 }] } }],
    ],
  },
}

describe('a red herring', () => {
  test.each(redHerringIds)('%s has rows both ways', (id) => {
    expect(table[id].dismissed).not.toHaveLength(0)
    expect(table[id].notDismissed).not.toHaveLength(0)
  })

  const dismissed = redHerringIds.flatMap((id) =>
    table[id].dismissed.map(([says, when, ...changes]) => ({ id, says, when, changes })),
  )
  test.each(dismissed)('$id is dismissed: $when', ({ id, says, changes }) => {
    const found = redHerrings(exampleEvidence(...changes)).filter((one) => one.id === id)
    expect(found).toHaveLength(1)
    expect(found[0]?.whyNot).toMatch(says)
  })

  const others = redHerringIds.flatMap((id) =>
    table[id].notDismissed.map(([when, ...changes]) => ({ id, when, changes })),
  )
  test.each(others)('$id is not: $when', ({ id, changes }) => {
    expect(redHerrings(exampleEvidence(...changes)).map((one) => one.id)).not.toContain(id)
  })

  test('clients, persistence, fork and CPU limit are dismissed for a store that keeps dying, and for the mended one', () => {
    const ids = redHerrings(exampleEvidence(crashingStore)).map(({ id }) => id)
    expect(ids).toEqual(['rh-client-count', 'rh-no-persistence', 'rh-fork-log', 'rh-missing-backup', 'rh-cpu-limit'])
    expect(redHerrings(exampleEvidence(mendedStore)).map(({ id }) => id)).toEqual([
      'rh-client-count',
      'rh-no-persistence',
    ])
  })
})
