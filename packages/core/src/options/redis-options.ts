import { z } from 'zod'

/** Where one Redis server listens: a `redis://` or `rediss://` URL, or host and port. */
export type RedisAddress = string | { host: string; port?: number }

/** What `tls` takes beside `true`: the options of Node's `tls.connect` that matter to a client. */
export interface RedisTls {
  ca?: string | Buffer
  cert?: string | Buffer
  key?: string | Buffer
  servername?: string
  rejectUnauthorized?: boolean
}

/** Exactly one of `primary`, `cluster` and `sentinels` names the topology. */
export interface RedisOptions {
  /** The server that takes writes, or all of them. */
  primary?: RedisAddress
  /** A read endpoint beside `primary`: reads go there, and to the primary where it fails or may lag behind a write. */
  reader?: RedisAddress
  /** Some nodes of a Redis Cluster; the others are found. */
  cluster?: readonly RedisAddress[]
  sentinels?: readonly RedisAddress[]
  /** The name under which the sentinels know the primary. Default `mymaster`. */
  sentinelName?: string
  username?: string
  password?: string
  tls?: boolean | RedisTls
  db?: number
}

/** An ioredis `Redis` or `Cluster` that the service owns. It is duplicated with safe settings and never closed. */
export interface RedisInstance {
  duplicate(...args: never[]): unknown
  readonly options: object
}

export type RedisOption = string | RedisOptions | RedisInstance

/** Whether an option, right or wrong, means a Redis Cluster. */
export function isCluster(option: unknown): boolean {
  if (typeof option !== 'object' || option === null) return false
  return isRedisInstance(option) ? 'nodes' in option && typeof option.nodes === 'function' : 'cluster' in option
}

export function isRedisInstance(value: unknown): value is RedisInstance {
  return typeof value === 'object' && value !== null && typeof (value as RedisInstance).duplicate === 'function'
}

const urlExpected = 'expected a URL such as "redis://user:password@host:6379/0" or "rediss://…" for TLS'

function isRedisUrl(value: string): boolean {
  try {
    const url = new URL(value)
    // A stray "%" in a password is found here and not when the first connection is made.
    decodeURIComponent(url.username + url.password)
    const database = url.searchParams.get('db') ?? url.pathname.slice(1)
    return /^rediss?:$/.test(url.protocol) && url.hostname !== '' && /^\d*$/.test(database)
  } catch {
    return false
  }
}

const urlSchema = z.string({ error: urlExpected }).refine(isRedisUrl, { error: urlExpected })

const addressExpected = 'expected a redis:// or rediss:// URL, or { host, port }'
const addressSchema = z.union(
  [urlSchema, z.strictObject({ host: z.string().min(1), port: z.int().min(1).max(65_535).optional() })],
  { error: addressExpected },
)

const textOrBuffer = z.union([z.string(), z.instanceof(Buffer)], { error: 'expected PEM text or a Buffer' })
const tlsSchema = z.union(
  [
    z.boolean(),
    z.strictObject({
      ca: textOrBuffer.optional(),
      cert: textOrBuffer.optional(),
      key: textOrBuffer.optional(),
      servername: z.string().optional(),
      rejectUnauthorized: z.boolean().optional(),
    }),
  ],
  { error: 'expected true, false or { ca, cert, key, servername, rejectUnauthorized }' },
)

const optionsSchema = z.strictObject({
  primary: addressSchema.optional(),
  reader: addressSchema.optional(),
  cluster: z.array(addressSchema, { error: 'expected a list of addresses' }).min(1).optional(),
  sentinels: z.array(addressSchema, { error: 'expected a list of addresses' }).min(1).optional(),
  sentinelName: z.string({ error: 'expected a name' }).min(1).optional(),
  username: z.string({ error: 'expected text' }).optional(),
  password: z.string({ error: 'expected text' }).optional(),
  tls: tlsSchema.optional(),
  db: z.int({ error: 'expected a database number from 0' }).min(0).optional(),
})

/** What is wrong between the fields; looked for beside the schema, so that it is listed with what is wrong within them. */
function wrongTogether(options: RedisOptions): { path: string[]; message: string }[] {
  const { primary, cluster, sentinels, reader, db } = options
  const found: { path: string[]; message: string }[] = []
  if ([primary, cluster, sentinels].filter((part) => part !== undefined).length !== 1) {
    found.push({ path: [], message: 'expected exactly one of primary, cluster and sentinels' })
  }
  if (reader !== undefined && primary === undefined) {
    found.push({ path: ['reader'], message: 'a reader goes with primary only' })
  }
  if (typeof db === 'number' && db > 0 && cluster !== undefined) {
    found.push({ path: ['db'], message: 'a Redis Cluster has database 0 only' })
  }
  return found
}

/** Dispatches by shape before validating, so that a wrong field is named instead of "no alternative fits". */
export const redisOptionSchema = z.custom<RedisOption>().superRefine((value: unknown, context) => {
  if (isRedisInstance(value)) return
  if (typeof value !== 'string' && (typeof value !== 'object' || value === null)) {
    context.addIssue({ code: 'custom', message: `${urlExpected}, an object with primary, or an ioredis instance` })
    return
  }
  const result = typeof value === 'string' ? urlSchema.safeParse(value) : optionsSchema.safeParse(value)
  for (const issue of result.error?.issues ?? [])
    context.addIssue({ ...issue } as Parameters<typeof context.addIssue>[0])
  if (typeof value === 'string') return
  for (const { path, message } of wrongTogether(value as RedisOptions))
    context.addIssue({ code: 'custom', path, message })
})
