import { type Cache, type CacheHealth, type CacheOptions, createCache } from '../../packages/core/src/index.ts'
import { fromSource, type OpenShop } from './incident-load.ts'

/** A mode that was entered, and how full Redis was then. */
export interface SeenMode {
  /** By `Date.now()`. */
  readonly at: number
  readonly mode: CacheHealth['mode']
  readonly reasons: readonly string[]
  readonly fill: number | undefined
  readonly used: number | undefined
}

export interface CachedShop extends OpenShop {
  readonly cache: Cache
  /** Each mode that was entered since the process began, in order. */
  readonly modes: readonly SeenMode[]
}

/** The shop on Plimsoll: sessions live in Redis alone, pages and suggestions are cached there. */
export function openCachedShop(options: CacheOptions, ttl: number): CachedShop {
  const cache = createCache(options)
  const modes: SeenMode[] = []
  cache.on('mode', ({ to, reasons }) => {
    const [node] = Object.values(cache.health().targets['main']?.nodes ?? {})
    modes.push({ at: Date.now(), mode: to, reasons, fill: node?.fill, used: node?.vitals.memory.used })
  })
  const sessions = cache.namespace<string>({ name: 'session', priority: 'essential', ttl: '1d', local: false })
  const pages = cache.namespace<string>({ name: 'page', ttl, load: fromSource })
  const suggestions = cache.namespace<string>({ name: 'suggestion', priority: 'expendable', ttl, load: fromSource })
  return {
    cache,
    modes,
    login: (session, text) => sessions.set(session, text),
    request: async (session) => (await sessions.get(session)) !== undefined,
    page: (key) => pages.get(key),
    suggestion: (key) => suggestions.get(key),
    close: () => cache.close(),
  }
}
