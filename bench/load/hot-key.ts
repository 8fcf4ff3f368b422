import { createCache, type Namespace } from '@plimsoll/core'
import { otherKeys, visit } from '../../test/support/hot-key-visits.ts'

export interface HotKeySettings {
  readonly cluster: readonly string[]
  readonly name: string
  readonly local: boolean
  readonly copies: number | undefined
  /** Stores the keys that are not hot before the visits. */
  readonly fill: boolean
  readonly requests: number
  readonly seed: number
}

let items: Namespace<string> | undefined

export async function hotKeyVisits(settings: HotKeySettings): Promise<{ perSecond: number }> {
  items ??= open(settings)
  if (settings.fill) await items.setMany(otherKeys.map((key) => [key, 'value']))
  const start = performance.now()
  await visit(items, settings.requests, settings.seed)
  return { perSecond: (settings.requests * 1_000) / (performance.now() - start) }
}

function open({ cluster, name, local, copies }: HotKeySettings): Namespace<string> {
  const cache = createCache({ name, redis: { cluster: [...cluster] }, ...(local ? {} : { local: false as const }) })
  return cache.namespace<string>({ name: 'item', copies, load: () => 'loaded', save: () => {} })
}
