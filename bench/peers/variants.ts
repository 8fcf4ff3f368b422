import type { CacheOptions } from '@plimsoll/core'
import type { Peer } from './index.ts'

/** Plimsoll with one option changed: what each of them costs. */
function variant(name: string, options: Partial<CacheOptions>): Peer {
  return {
    name,
    package: '@plimsoll/core',
    tiers: 'two',
    getMany: true,
    open: async () => ({ open: (await import('./plimsoll.ts')).openWith(options) }),
  }
}

export const cloned = variant('local.clone', { local: { clone: true } })
export const uncompressed = variant('json', { compression: false })
export const compressed = variant('json, compressed', { compression: { threshold: '1Ki' } })
export const packed = variant('msgpack', { serializer: 'msgpack', compression: false })
export const packedCompressed = variant('msgpack, compressed', {
  serializer: 'msgpack',
  compression: { threshold: '1Ki' },
})

/** Neither the probe nor metrics. */
export const unwatched = variant('unwatched', { pressure: false })
/** The probe, and metrics scraped every second. */
export const watched: Peer = {
  ...variant('watched', {}),
  name: 'watched',
  open: async () => ({ open: (await import('./watched.ts')).open }),
}
/** Time passes a hundred times as fast for it. */
export const watchedFast: Peer = {
  ...variant('watched, hurried', {}),
  name: 'watched, hurried',
  open: async () => ({ open: (await import('./watched.ts')).openHurried }),
}

export const variants: readonly Peer[] = [
  cloned,
  uncompressed,
  compressed,
  packed,
  packedCompressed,
  unwatched,
  watched,
  watchedFast,
]
