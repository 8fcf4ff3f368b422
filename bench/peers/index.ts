import { readFile } from 'node:fs/promises'
import type { OpenPeer } from './peer.ts'
import { variants } from './variants.ts'

export interface Peer {
  readonly name: string
  /** Its package, to tell the version that was measured. */
  readonly package: string
  /** Whether it can keep values in memory in front of Redis. */
  readonly tiers: 'one' | 'two'
  readonly getMany: boolean
  /** Imported by the worker that measures it and by nobody else, so that no library runs beside another one. */
  readonly open: () => Promise<{ readonly open: OpenPeer }>
}

export const raw: Peer = {
  name: 'raw ioredis',
  package: 'ioredis',
  tiers: 'one',
  getMany: true,
  open: () => import('./raw-ioredis.ts'),
}

export const plimsoll: Peer = {
  name: 'plimsoll',
  package: '@plimsoll/core',
  tiers: 'two',
  getMany: true,
  open: () => import('./plimsoll.ts'),
}

export const bareLru: Peer = {
  name: 'bare lru-cache',
  package: 'lru-cache',
  tiers: 'one',
  getMany: false,
  open: () => import('./bare-lru.ts'),
}

export const noCache: Peer = {
  name: 'no cache',
  package: '@plimsoll/core',
  tiers: 'one',
  getMany: false,
  open: () => import('./no-cache.ts'),
}

/** In the order of the tables. */
export const peers: readonly Peer[] = [
  raw,
  plimsoll,
  { name: 'bentocache', package: 'bentocache', tiers: 'two', getMany: false, open: () => import('./bentocache.ts') },
  { name: 'cacheable', package: 'cacheable', tiers: 'two', getMany: true, open: () => import('./cacheable.ts') },
  {
    name: 'cache-manager',
    package: 'cache-manager',
    tiers: 'two',
    getMany: true,
    open: () => import('./cache-manager.ts'),
  },
  {
    name: 'async-cache-dedupe',
    package: 'async-cache-dedupe',
    tiers: 'one',
    getMany: false,
    open: () => import('./async-cache-dedupe.ts'),
  },
  {
    name: 'layered-loader',
    package: 'layered-loader',
    tiers: 'two',
    getMany: true,
    open: () => import('./layered-loader.ts'),
  },
  {
    name: 'cachified',
    package: '@epic-web/cachified',
    tiers: 'one',
    getMany: false,
    open: () => import('./cachified.ts'),
  },
]

/** Enough for a quick look: no library at all, and the two that come nearest. */
export const quickPeers: readonly Peer[] = peers.filter(({ name }) =>
  ['raw ioredis', 'plimsoll', 'bentocache', 'layered-loader'].includes(name),
)

export function peerNamed(name: string): Peer {
  const peer = [...peers, bareLru, noCache, ...variants].find((candidate) => candidate.name === name)
  if (!peer) throw new Error(`there is no peer named ${name}`)
  return peer
}

export async function versionOf(peer: Peer): Promise<string> {
  // Read as a file: not every package exports its package.json.
  const file = new URL(`../node_modules/${peer.package}/package.json`, import.meta.url)
  return (JSON.parse(await readFile(file, 'utf8')) as { version: string }).version
}
