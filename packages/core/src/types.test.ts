import type { StandardSchemaV1 } from '@standard-schema/spec'
import { afterAll, describe, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import {
  type BehindOperation,
  type CacheHealth,
  type CacheOptions,
  type CopiesOptions,
  createCache,
  type LoadContext,
  type Namespace,
  type NamespaceOptions,
  type ParkedOperation,
  type ParkedPage,
  type PostgresPool,
  postgresCounters,
  type WarmProgress,
  type WarmStalledError,
} from './index.ts'

// The compiler is what tests here: each @ts-expect-error must meet an error, and nothing may be `any`.

interface Product {
  id: string
  cents: number
}

const cache = createCache({ name: 'types' })
afterAll(() => cache.close())

describe('the type of the values', () => {
  test('comes from load', () => {
    const products = cache.namespace({ name: 'from-load', load: async (id) => ({ id, cents: 5 }) as Product })
    expectTypeOf(products).toEqualTypeOf<Namespace<Product>>()
    expectTypeOf(products.get).returns.resolves.toEqualTypeOf<Product | undefined>()
    expectTypeOf(products.getMany).returns.resolves.toEqualTypeOf<Map<string, Product>>()
    expectTypeOf(products.set).parameter(1).toEqualTypeOf<Product>()
  })

  test('comes from a load that may find nothing, or answers at once', () => {
    const maybe = cache.namespace({
      name: 'maybe',
      load: (id): Product | undefined => (id === 'a' ? { id, cents: 5 } : undefined),
    })
    expectTypeOf(maybe.get).returns.resolves.toEqualTypeOf<Product | undefined>()
    expectTypeOf(maybe.set).parameter(1).toEqualTypeOf<Product>()
    const nullable = cache.namespace({ name: 'nullable', load: async (): Promise<Product | null> => null })
    expectTypeOf(nullable.get).returns.resolves.toEqualTypeOf<Product | null | undefined>()
  })

  test('comes from the output of a schema, which load must fit', () => {
    const schema = z.object({ id: z.string(), at: z.coerce.date(), cents: z.number().default(0) })
    const dated = cache.namespace({ name: 'from-schema', schema, load: (id) => ({ id, at: new Date(), cents: 1 }) })
    expectTypeOf(dated).toEqualTypeOf<Namespace<{ id: string; at: Date; cents: number }>>()
    const alone = cache.namespace({ name: 'schema-alone', schema: z.string() })
    expectTypeOf(alone).toEqualTypeOf<Namespace<string>>()
    // @ts-expect-error a load that does not fit the schema
    cache.namespace({ name: 'misfit', schema: z.object({ id: z.string() }), load: () => ({ id: 5 }) })
  })

  test('comes from any Standard Schema', () => {
    const schema: StandardSchemaV1<unknown, Product> = {
      '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as Product }) },
    }
    expectTypeOf(cache.namespace({ name: 'standard', schema })).toEqualTypeOf<Namespace<Product>>()
  })

  test('can be given', () => {
    expectTypeOf(cache.namespace<Product>({ name: 'given' })).toEqualTypeOf<Namespace<Product>>()
  })

  test('is unknown where nothing tells, never any', () => {
    const untold = cache.namespace({ name: 'untold' })
    expectTypeOf(untold.get).returns.resolves.toBeUnknown()
    expectTypeOf(untold.get).returns.resolves.not.toBeAny()
  })

  test('comes from the load of getOrSet', () => {
    const html = cache.getOrSet({ key: 'home', ttl: '30s', load: async () => '<html>' })
    expectTypeOf(html).resolves.toEqualTypeOf<string | undefined>()
  })
})

describe('load, loadMany and save', () => {
  test('know the types of what they are given', () => {
    cache.namespace<Product>({
      name: 'contexts',
      load: (key, context) => {
        expectTypeOf(key).toBeString()
        expectTypeOf(context).toEqualTypeOf<LoadContext<Product>>()
        expectTypeOf(context.signal).toEqualTypeOf<AbortSignal>()
        expectTypeOf(context.stale).toEqualTypeOf<Product | undefined>()
        expectTypeOf(context.ttl).parameter(0).not.toBeAny()
        return undefined
      },
      loadMany: (keys, { signal }) => {
        expectTypeOf(keys).toEqualTypeOf<readonly string[]>()
        expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
        return new Map<string, Product>()
      },
      save: (key, value, { signal }) => {
        expectTypeOf(key).toBeString()
        expectTypeOf(value).toEqualTypeOf<Product>()
        expectTypeOf(signal).toEqualTypeOf<AbortSignal | undefined>()
      },
    })
  })

  test('know them from the schema too', () => {
    cache.namespace({
      name: 'contexts-of-schema',
      schema: z.object({ id: z.string() }),
      save: (_key, value) => expectTypeOf(value).toEqualTypeOf<{ id: string }>(),
      load: (id, { stale }) => {
        expectTypeOf(stale).toEqualTypeOf<{ id: string } | undefined>()
        return { id }
      },
    })
  })
})

describe('a mistake is a compile error:', () => {
  const products = cache.namespace<Product>({ name: 'mistakes' })
  const unused = (_: () => unknown): void => {}

  test('a wrong value, key or option of a call', () => {
    // @ts-expect-error no number
    unused(() => products.set('a', { id: 'a', cents: 'five' }))
    // @ts-expect-error a property too little
    unused(() => products.set('a', { id: 'a' }))
    // @ts-expect-error one key is not many, though a string yields strings
    unused(() => products.deleteMany('a'))
    unused(() => products.deleteMany(new Set(['a'])))
    // @ts-expect-error a key is a string
    unused(() => products.get(5))
    // @ts-expect-error keys are strings
    unused(() => products.getMany([5]))
    // @ts-expect-error no such option
    unused(() => products.get('a', { ttll: '5m' }))
    // @ts-expect-error a load of another type
    unused(() => products.get('a', { load: () => 5 }))
    // @ts-expect-error no such unit
    unused(() => products.get('a', { ttl: '5 minutes' }))
    // @ts-expect-error getOrSet needs a load
    unused(() => cache.getOrSet({ key: 'a' }))
    // @ts-expect-error and a key
    unused(() => cache.getOrSet({ load: () => 5 }))
  })

  test('a wrong option of a cache or a namespace', () => {
    // @ts-expect-error a name is needed
    unused(() => createCache({}))
    // @ts-expect-error no such option
    unused(() => createCache({ name: 'a', tll: '5m' }))
    // @ts-expect-error no such unit
    unused(() => createCache({ name: 'a', commandTimeout: '5 seconds' }))
    // @ts-expect-error no such unit
    unused(() => createCache({ name: 'a', local: { maxBytes: '64MB' } }))
    // @ts-expect-error no such option
    unused(() => createCache({ name: 'a', local: { maxByte: '64Mi' } }))
    // @ts-expect-error no such serializer
    unused(() => createCache({ name: 'a', serializer: 'yaml' }))
    // @ts-expect-error no such option
    unused(() => createCache({ name: 'a', redis: { primry: 'redis://a' } }))
    // @ts-expect-error no such option
    unused(() => cache.namespace({ name: 'a', staleWhileRevalidat: '5m' }))
    // @ts-expect-error true is no setting
    unused(() => cache.namespace({ name: 'a', lease: true }))
    // @ts-expect-error loadMany answers a Map
    unused(() => cache.namespace<Product>({ name: 'a', loadMany: async () => ({ a: { id: 'a', cents: 5 } }) }))
    // @ts-expect-error how many is needed
    unused(() => cache.namespace({ name: 'a', copies: { beyond: 5 } }))
    // @ts-expect-error no such priority
    unused(() => cache.namespace({ name: 'a', priority: 'high' }))
  })

  test('an unknown event, or a listener of another', () => {
    // @ts-expect-error no such event
    unused(() => cache.on('mood', () => {}))
    cache.on('mode', ({ from, to, reasons }) => {
      expectTypeOf(from).toEqualTypeOf<CacheHealth['mode']>()
      expectTypeOf(to).toEqualTypeOf<CacheHealth['mode']>()
      expectTypeOf(reasons).toEqualTypeOf<readonly string[]>()
    })
  })
})

describe('nothing public is any:', () => {
  test('the options', () => {
    type Leaks<T> = { [K in keyof T]-?: 0 extends 1 & T[K] ? K : never }[keyof T]
    expectTypeOf<Leaks<CacheOptions>>().toBeNever()
    expectTypeOf<Leaks<NamespaceOptions<Product>>>().toBeNever()
    expectTypeOf<Leaks<CacheHealth>>().toBeNever()
    expectTypeOf<Leaks<typeof cache>>().toBeNever()
    expectTypeOf<Leaks<Namespace<Product>>>().toBeNever()
  })

  test('invalidation is one of three, and health tells of tracking', () => {
    expectTypeOf<CacheOptions['invalidation']>().toEqualTypeOf<'pubsub' | 'tracking' | false | undefined>()
    expectTypeOf<CacheHealth['redis']['tracking']>().toEqualTypeOf<'off' | 'connected' | 'lost' | 'refused'>()
  })

  test('an unset environment variable is an option', () => {
    expectTypeOf<{ name: string; redis: string | undefined }>().toExtend<CacheOptions>()
  })
})

test('copies are a number, or a number and a rate', () => {
  const declare = (copies: number | CopiesOptions | undefined) => cache.namespace({ name: 'copied', copies })
  expectTypeOf(declare).toBeCallableWith(2)
  expectTypeOf(declare).toBeCallableWith({ count: 2 })
  expectTypeOf(declare).toBeCallableWith({ count: 2, beyond: 50 })
  expectTypeOf(declare).toBeCallableWith(undefined)
})

describe('write-behind', () => {
  test('operations have the type of the values', () => {
    const declare = () =>
      cache.namespace({
        name: 'behind',
        write: 'behind',
        load: async (id) => ({ id, cents: 5 }) as Product,
        saveMany: (operations, { signal }) => {
          expectTypeOf(operations).toEqualTypeOf<readonly BehindOperation<Product>[]>()
          expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
        },
      })
    expectTypeOf(declare).returns.toEqualTypeOf<Namespace<Product>>()
  })

  test('counters in PostgreSQL are numbers', () => {
    const declare = (pool: PostgresPool) =>
      cache.namespace({
        name: 'views',
        write: 'behind',
        behind: { counters: true },
        ...postgresCounters(pool, { table: 'views' }),
      })
    expectTypeOf(declare).returns.toEqualTypeOf<Namespace<number>>()
    expectTypeOf<Namespace<number>['increment']>().returns.resolves.toEqualTypeOf<number | undefined>()
  })

  test('parked operations are told apart by their kind, and a set has a value of the namespace', () => {
    type Parked = Awaited<ReturnType<Namespace<Product>['discardParked']>>[number]
    expectTypeOf<Parked>().toEqualTypeOf<ParkedOperation<Product>>()
    expectTypeOf<Extract<Parked, { kind: 'set' }>['value']>().toEqualTypeOf<Product>()
    expectTypeOf<Extract<Parked, { kind: 'increment' }>['increment']>().toEqualTypeOf<number>()
    expectTypeOf<Namespace<Product>['listParked']>().returns.resolves.toEqualTypeOf<ParkedPage<Product>>()
    expectTypeOf<Namespace<Product>['retryParked']>().parameters.toEqualTypeOf<[readonly string[] | 'all']>()
    // What is thrown away has to be named.
    expectTypeOf<Namespace<Product>['discardParked']>().parameters.toEqualTypeOf<[readonly string[]]>()
  })
})

describe('warming', () => {
  test('takes keys of any kind of iterable, and tells how far it came', () => {
    const items = cache.namespace({ name: 'warmed', load: async (id) => id })
    expectTypeOf(items.warm).parameter(0).toEqualTypeOf<(Iterable<string> & object) | AsyncIterable<string>>()
    // @ts-expect-error one key is not many, though a string yields strings
    void (() => items.warm('a'))
    expectTypeOf(items.warm).returns.resolves.toEqualTypeOf<WarmProgress>()
    expectTypeOf<WarmProgress['secondsLeft']>().toEqualTypeOf<number | undefined>()
    expectTypeOf<WarmStalledError['progress']>().toEqualTypeOf<WarmProgress>()
    // @ts-expect-error keys are strings
    const wrong = () => items.warm([5])
    expectTypeOf(wrong).returns.resolves.toEqualTypeOf<WarmProgress>()
  })
})
