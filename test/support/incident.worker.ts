import type { CacheHealth, CacheOptions } from '../../packages/core/src/index.ts'
import { answerRequests } from './fleet-worker.ts'
import type { CachedShop, SeenMode } from './incident-cached-shop.ts'
import { IncidentLoad, type LoadRates, type LoadReport, type OpenShop } from './incident-load.ts'

/** One process of a shop. */
export interface ShopOptions {
  readonly redis: string
  /** Without it the shop uses a plain client. */
  readonly cache?: Omit<CacheOptions, 'name' | 'redis'>
  readonly rates: LoadRates
  /** How long pages and suggestions are fresh, in milliseconds. Default 1 hour. */
  readonly ttl?: number
  /** What an answer may take, in milliseconds. */
  readonly allowed: number
}

export interface ShopRequest {
  readonly name: keyof ShopCalls
  readonly args: readonly unknown[]
}

const { redis, cache, rates, ttl = 3_600_000, allowed } = JSON.parse(process.argv[2] ?? '') as ShopOptions
let shop: OpenShop | undefined
let load: IncidentLoad | undefined

// Each imports only what it needs: the plain shop runs without the product.
async function openShop(): Promise<OpenShop> {
  if (!cache) return (await import('./incident-plain-shop.ts')).openPlainShop(redis, ttl)
  return (await import('./incident-cached-shop.ts')).openCachedShop({ ...cache, name: 'shop', redis }, ttl)
}

function cached(): CachedShop {
  if (!shop || !('cache' in shop)) throw new Error('this shop has no cache, or is not open')
  return shop as CachedShop
}

const calls = {
  async open(): Promise<void> {
    shop = await openShop()
    load = new IncidentLoad(shop, rates, allowed)
  },
  start: (): void => load?.start(),
  stopLoad: (): void => load?.stop(),
  report: (): Promise<LoadReport> | undefined => load?.report(),
  health: (): CacheHealth => cached().cache.health(),
  modes: (): readonly SeenMode[] => cached().modes,
  /** Writes one session beside the load; answers whether Redis took it. */
  async login(session: string): Promise<boolean> {
    try {
      await shop?.login(session, 'hello')
      return true
    } catch (error) {
      if ((error as { code?: unknown }).code === 'PLIMSOLL_WRITE_REFUSED') return false
      throw error
    }
  },
}

export type ShopCalls = typeof calls

answerRequests(
  ({ name, args }: ShopRequest): unknown => (calls[name] as (...args: readonly unknown[]) => unknown)(...args),
  async () => {
    load?.stop()
    await shop?.close()
  },
)
