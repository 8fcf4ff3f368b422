import { InvalidArgumentError } from '../errors.ts'
import type { NamespaceSettings } from '../options/namespace-options.ts'
import { Context } from './load-context.ts'
import type { Fetch } from './read-parts.ts'
import type { Source } from './source.ts'

type Load<V> = NonNullable<NamespaceSettings<V>['load']>
type LoadMany<V> = NonNullable<NamespaceSettings<V>['loadMany']>

/** How a namespace asks the source, and under which name. */
export type Loads<V> = Pick<NamespaceSettings<V>, 'name' | 'load' | 'loadMany'>

/** One key, one call of `load`, or of `loadMany` where there is no other. */
export function fetchOne<V>(
  { name, load: usual, loadMany }: Loads<V>,
  source: Source,
  own?: Load<V>,
  onDropOut = () => {},
): Fetch<V> | undefined {
  const load = own ?? usual
  if (load === undefined && loadMany === undefined) return undefined
  return {
    load: (key, context, deadline) =>
      source.run(
        name,
        deadline,
        async (attempt) => {
          Context.begin(context, attempt)
          if (load !== undefined) return await load(key, context)
          return loadMany === undefined ? undefined : asMap(await loadMany([key], { signal: attempt.signal })).get(key)
        },
        Context.failedJustNow(context),
      ),
    dropOut: onDropOut,
  }
}

/** One call of `loadMany` for all of these keys that are missing; key by key where there is none. */
export function fetchTogether<V>(
  { name, loadMany }: Loads<V>,
  source: Source,
  single: Fetch<V>,
  keys: Iterable<string>,
): Fetch<V> {
  return loadMany === undefined ? single : new BatchFetch(name, loadMany, source, single, keys)
}

interface Waiting<V> {
  resolve(value: V | undefined): void
  reject(error: unknown): void
}

/**
 * Many keys, one call of `loadMany`: the call is made when every key has either come this far or dropped out, because it
 * was found, or because another process loads it.
 */
export class BatchFetch<V> implements Fetch<V> {
  readonly #name: string
  readonly #loadMany: LoadMany<V>
  readonly #source: Source
  readonly #single: Fetch<V>
  readonly #awaited: Set<string>
  readonly #waiting = new Map<string, Waiting<V>>()
  #deadline = 0
  #failedJustNow = true

  constructor(name: string, loadMany: LoadMany<V>, source: Source, single: Fetch<V>, keys: Iterable<string>) {
    this.#name = name
    this.#loadMany = loadMany
    this.#source = source
    this.#single = single
    this.#awaited = new Set(keys)
  }

  load(key: string, context: Context<V>, deadline: number): Promise<V | undefined> {
    if (!this.#awaited.delete(key)) return this.#single.load(key, context, deadline)
    this.#deadline = deadline
    this.#failedJustNow &&= Context.failedJustNow(context)
    return new Promise((resolve, reject) => {
      this.#waiting.set(key, { resolve, reject })
      this.#callWhenComplete()
    })
  }

  dropOut(key: string): void {
    if (this.#awaited.delete(key)) this.#callWhenComplete()
  }

  #callWhenComplete(): void {
    if (this.#awaited.size > 0 || this.#waiting.size === 0) return
    const keys = [...this.#waiting.keys()]
    this.#source
      .run(
        this.#name,
        this.#deadline,
        async ({ signal }) => asMap(await this.#loadMany(keys, { signal })),
        this.#failedJustNow,
      )
      .then(
        (values) => {
          for (const [key, waiting] of this.#waiting) waiting.resolve(values.get(key))
        },
        (error: unknown) => {
          for (const waiting of this.#waiting.values()) waiting.reject(error)
        },
      )
  }
}

function asMap<V>(values: ReadonlyMap<string, V>): ReadonlyMap<string, V> {
  if (!(values instanceof Map))
    throw new InvalidArgumentError('loadMany', 'expected it to return a Map from key to value')
  return values
}
