import {
  type Cache,
  CacheClosedError,
  type CacheOptions,
  createCache,
  type Namespace,
} from '../../packages/core/src/index.ts'
import { answerRequests } from '../support/fleet-worker.ts'
import { until } from '../support/until.ts'

export type CloseOrder =
  | 'open'
  | 'start a load that never ends'
  | 'start to make copies'
  | 'close'
  | 'resources that are left'
  | 'use after close'

const options = JSON.parse(process.argv[2] ?? '') as CacheOptions
const saved = new Map<string, string>()
let before: string[] = []
let cache: Cache
let items: Namespace<string>
let outcome: Promise<unknown> = Promise.resolve()

answerRequests(
  async (order: CloseOrder): Promise<unknown> => {
    switch (order) {
      case 'open':
        before = process.getActiveResourcesInfo()
        cache = createCache(options)
        items = cache.namespace<string>({
          name: 'item',
          load: (key) =>
            key === 'never' ? new Promise<never>(() => {}) : Promise.resolve(saved.get(key) ?? `value of ${key}`),
          save: async (key, value) => void saved.set(key, value),
        })
        await items.set('first', 'set')
        return Promise.all([items.get('first'), items.get('second')])
      case 'start a load that never ends':
        outcome = items.get('never').catch((error: unknown) => (error as { code?: unknown }).code)
        await until(() => cache.health().source.running === 1, 'the load runs')
        return undefined
      case 'start to make copies': {
        const copies = { count: 31, beyond: 1 }
        const hot = cache.namespace<string>({ name: 'hot', local: false, load: () => 'value', copies })
        for (let read = 0; read < 10; read++) await hot.get('key')
        return undefined
      }
      case 'close':
        await cache.close()
        return outcome
      case 'resources that are left':
        return without(process.getActiveResourcesInfo(), before)
      case 'use after close':
        return Promise.all(
          [
            () => items.get('first'),
            () => items.get('third'),
            () => items.getMany(['first', 'third']),
            () => items.set('first', 'again'),
            () => items.delete('first'),
            () => cache.getOrSet({ key: 'home', load: async () => 'page' }),
            async () => cache.namespace({ name: 'other', load: async () => 'value' }),
            () => cache.close(),
          ].map((use) => nameOfOutcome(use)),
        )
    }
  },
  // The process is left to end by itself, which it does only where nothing is left that keeps it.
  async () => {},
)

async function nameOfOutcome(use: () => Promise<unknown>): Promise<string> {
  try {
    await use()
    return 'fulfilled'
  } catch (error) {
    return error instanceof CacheClosedError ? 'CacheClosedError' : String(error)
  }
}

function without(all: readonly string[], some: readonly string[]): string[] {
  const left = [...all]
  for (const one of some) {
    const index = left.indexOf(one)
    if (index >= 0) left.splice(index, 1)
  }
  return left
}
