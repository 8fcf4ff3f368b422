/** About 200 bytes of JSON. */
export interface Product {
  readonly id: string
  readonly name: string
  readonly price: number
  readonly currency: string
  readonly stock: number
  readonly tags: readonly string[]
  readonly description: string
  /** In the scenarios with large values: 100 bytes of JSON each. */
  readonly related?: readonly { readonly id: string; readonly name: string; readonly price: number }[]
}

/** What every library is opened with. All of it is plain data except `load`, so that a worker can be told over IPC. */
export interface CacheSettings {
  /** Absent: the memory tier alone. */
  readonly redisUrl?: string
  readonly ttlMs: number
  /** How long an expired value may be given while a new one is loaded, by the libraries that can do so. */
  readonly staleMs?: number
  /** Whether the memory tier is used in front of Redis. */
  readonly local: boolean
  /** The bound of the memory tier, by the libraries that bound it in bytes. */
  readonly localBytes?: number
  /** The most loads at once, for the libraries that can bound them. */
  readonly concurrency?: number
  /** The fast-failing connection for the libraries that take a ready ioredis client too. */
  readonly tuned?: boolean
}

export type Load = (key: string) => Promise<Product>

export interface OpenCache {
  get(key: string): Promise<Product | null | undefined>
  getMany?(keys: string[]): Promise<unknown>
  close(): Promise<void>
}

export type OpenPeer = (settings: CacheSettings, load: Load) => OpenCache
