/**
 * What kind of trouble an error from Redis is. The first word of a reply decides; what ioredis says about connections
 * has no code and is known by its text.
 */
export type TroubleClass =
  | 'oom' // full: writes that grow it are refused, all else works
  | 'misconf' // cannot persist and was told to stop writing
  | 'readonly' // a replica
  | 'noreplicas'
  | 'loading'
  | 'busy' // a script runs
  | 'masterdown'
  | 'clusterdown'
  | 'auth'
  | 'noperm'
  | 'maxclients'
  | 'timeout'
  | 'connection'
  | 'reply' // any other error reply: Redis is well, the command was wrong for this key

const firstWords: Readonly<Record<string, TroubleClass>> = {
  OOM: 'oom',
  MISCONF: 'misconf',
  READONLY: 'readonly',
  NOREPLICAS: 'noreplicas',
  LOADING: 'loading',
  BUSY: 'busy',
  MASTERDOWN: 'masterdown',
  CLUSTERDOWN: 'clusterdown',
  TRYAGAIN: 'clusterdown',
  MOVED: 'clusterdown',
  ASK: 'clusterdown',
  NOAUTH: 'auth',
  WRONGPASS: 'auth',
  NOPERM: 'noperm',
}

/** Redis did not answer within the deadline. */
export class RedisTimeoutError extends Error {
  override readonly name = 'RedisTimeoutError'
}

/** What this call may wait for Redis is spent, and the command was not sent. It says nothing of Redis. */
export class NoTimeLeftError extends Error {
  override readonly name = 'NoTimeLeftError'
}

/** There is no connection to send on. */
export class RedisUnavailableError extends Error {
  override readonly name = 'RedisUnavailableError'
}

export function classify(error: unknown): TroubleClass {
  if (error instanceof RedisTimeoutError) return 'timeout'
  if (error instanceof NoTimeLeftError) return 'reply'
  if (!(error instanceof Error) || error.name !== 'ReplyError') return 'connection'
  const { message } = error
  if (message.startsWith('EXECABORT')) return classifyPrevious(error)
  if (message.includes('max number of clients')) return 'maxclients'
  const word = /^-?([A-Z]+)\b/.exec(message)?.[1]
  const known = word === undefined ? undefined : firstWords[word]
  if (known !== undefined) return known
  // Redis before 7 wraps the refusal: "ERR Error running script …: -OOM command not allowed …"
  return message.includes('-OOM command not allowed') ? 'oom' : 'reply'
}

/** EXECABORT says only that the transaction failed; the refusals that made it fail hang on the error. */
function classifyPrevious(error: Error): TroubleClass {
  const previous = (error as { previousErrors?: unknown }).previousErrors
  if (!Array.isArray(previous)) return 'reply'
  for (const one of previous) {
    const found = classify(one)
    if (found !== 'reply') return found
  }
  return 'reply'
}

/** Redis refused a write but is well otherwise. These never open a breaker; the write gate answers them. */
export function isRefusedWrite(trouble: TroubleClass): boolean {
  return trouble === 'oom' || trouble === 'misconf' || trouble === 'readonly' || trouble === 'noreplicas'
}

/** Redis cannot be talked to at all, so both breakers count it. */
export function isOutage(trouble: TroubleClass): boolean {
  return !isRefusedWrite(trouble) && trouble !== 'reply' && trouble !== 'noperm'
}
