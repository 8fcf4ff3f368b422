/** Every error that Plimsoll makes. `code` is stable across releases; messages are not. */
export abstract class PlimsollError extends Error {
  abstract readonly code: string
  override get name(): string {
    return this.constructor.name
  }
}

/** One wrong option: where it stands and what is allowed there. The value given is never repeated: it may be a secret. */
export interface OptionIssue {
  readonly path: string
  readonly expected: string
}

/** Thrown by `createCache`, `namespace` and `connectionFromEnvironment`; lists every wrong option at once. */
export class InvalidOptionsError extends PlimsollError {
  readonly code = 'PLIMSOLL_INVALID_OPTIONS'
  readonly issues: readonly OptionIssue[]
  constructor(subject: string, issues: readonly OptionIssue[]) {
    const lines = issues.map((issue) => `\n  - ${issue.path}: ${issue.expected}`)
    super(`${subject}: ${issues.length === 1 ? '1 option is' : `${issues.length} options are`} wrong${lines.join('')}`)
    this.issues = issues
  }
}

/** A call was given an argument that it cannot take; nothing was changed. */
export class InvalidArgumentError extends PlimsollError {
  readonly code = 'PLIMSOLL_INVALID_ARGUMENT'
  readonly argument: string
  constructor(argument: string, expected: string) {
    super(`${argument}: ${expected}`)
    this.argument = argument
  }
}

/**
 * In development only: the value would not come back from the cache as it went in, so that a miss and a hit would
 * behave differently. The message names the place inside the value.
 */
export class ValueNotPreservedError extends PlimsollError {
  readonly code = 'PLIMSOLL_VALUE_NOT_PRESERVED'
  constructor(namespace: string, difference: string) {
    super(
      `namespace ${namespace}: a cached value would differ from the loaded one: ${difference}. ` +
        'Return plain data from load, let the schema restore the type, or choose a serializer that keeps it.',
    )
  }
}

/** The source did not answer within `loadTimeout`, and no stale value was allowed. */
export class LoadTimeoutError extends PlimsollError {
  readonly code = 'PLIMSOLL_LOAD_TIMEOUT'
  constructor(namespace: string, milliseconds: number) {
    super(`namespace ${namespace}: the source did not answer within ${milliseconds} ms`)
  }
}

/**
 * The bulkhead round the source is full and so is its queue, or too many updates wait for one key. Answer 503 and let the
 * caller come back.
 */
export class SourceOverloadedError extends PlimsollError {
  readonly code = 'PLIMSOLL_SOURCE_OVERLOADED'
  /** `what` they are, where they are no loads and no option bounds them. */
  constructor(concurrency: number, queue: number, what?: string) {
    const bound = what === undefined ? 'source.concurrency and source.queue allow' : 'may'
    super(`${concurrency} ${what ?? 'loads'} are running and ${queue} are waiting, as many as ${bound}`)
  }
}

/** The breaker round the source is open: it kept failing, so it is left alone for a moment. */
export class SourceUnavailableError extends PlimsollError {
  readonly code = 'PLIMSOLL_SOURCE_UNAVAILABLE'
  constructor() {
    super('the source kept failing and is being left alone for a moment')
  }
}

/** The cache was used after `close()`. */
export class CacheClosedError extends PlimsollError {
  readonly code = 'PLIMSOLL_CACHE_CLOSED'
  constructor() {
    super('this cache is closed')
  }
}

/**
 * Redis takes no writes now, and it is this value's only home: an `essential` namespace without `save`. What was there
 * before is still there, unless Redis went away in the middle. Answer 503 with Retry-After. Of two writes of a key at the
 * same time one may be refused so.
 */
export class WriteRefusedError extends PlimsollError {
  readonly code = 'PLIMSOLL_WRITE_REFUSED'
  /** When to come back, in seconds. */
  readonly retryAfter: number

  constructor(namespace: string, reason: string, retryAfter: number) {
    super(`namespace ${namespace}: the value was not stored: ${reason}; try again in ${retryAfter} s`)
    this.retryAfter = retryAfter
  }
}

/**
 * Whether there is such a session cannot be told now, or what was to be kept could not be. Nothing was lost: what was
 * stored is still there. Answer 503 with Retry-After, and leave the cookie alone.
 */
export class SessionsUnavailableError extends PlimsollError {
  readonly code = 'PLIMSOLL_SESSIONS_UNAVAILABLE'
  readonly statusCode = 503
  /**
   * `unreachable`: no answer in time. `refused`: Redis takes no writes. `loss`: Redis lost data a moment ago, so an
   * unknown session may be one of those.
   */
  readonly reason: 'unreachable' | 'refused' | 'loss'
  /** When to come back, in seconds. */
  readonly retryAfter: number

  constructor(reason: SessionsUnavailableError['reason'], retryAfter: number) {
    super(`sessions are not available (${reason}); try again in ${retryAfter} s`)
    this.reason = reason
    this.retryAfter = retryAfter
  }
}

/** The session was destroyed, or has ended, while the caller held it. Nothing was stored: a logout stays. */
export class SessionGoneError extends PlimsollError {
  readonly code = 'PLIMSOLL_SESSION_GONE'
  readonly statusCode = 401
  constructor() {
    super('the session was destroyed or has ended meanwhile; nothing was stored')
  }
}

/** The session holds more than `maxBytes` as JSON. Nothing was stored, and what was there before is still there. */
export class SessionTooLargeError extends PlimsollError {
  readonly code = 'PLIMSOLL_SESSION_TOO_LARGE'
  readonly statusCode = 500
  constructor(bytes: number, maxBytes: number) {
    super(`the session holds ${bytes} bytes, maxBytes allows ${maxBytes}; nothing was stored`)
  }
}

/** The user has as many sessions as `maxSessionsPerUser` allows, and `whenTooMany` is `refuse`. Nothing was stored. */
export class TooManySessionsError extends PlimsollError {
  readonly code = 'PLIMSOLL_TOO_MANY_SESSIONS'
  readonly statusCode = 409
  constructor(limit: number) {
    super(`the user has ${limit} sessions, as many as maxSessionsPerUser allows; nothing was stored`)
  }
}

/** `setMany` wrote the others; `failed` has what came of those that it could not. Loggers do not show it, for it holds keys. */
export class PartialWriteError extends PlimsollError {
  readonly code = 'PLIMSOLL_PARTIAL_WRITE'
  declare readonly failed: ReadonlyMap<string, unknown>

  constructor(failed: ReadonlyMap<string, unknown>, total: number) {
    super(`${failed.size} of ${total} entries were not written; failed tells why, by key`)
    Object.defineProperty(this, 'failed', { value: failed })
  }
}

/** Others kept updating the key for as long as this `update` was willing to wait. Nothing was changed. */
export class UpdateTimeoutError extends PlimsollError {
  readonly code = 'PLIMSOLL_UPDATE_TIMEOUT'
  constructor(namespace: string, milliseconds: number) {
    super(`namespace ${namespace}: others kept updating the key for ${milliseconds} ms`)
  }
}

/**
 * A write-behind operation that neither Redis nor the source has taken, as far as is known. Answer 503 with Retry-After. Where `id` is handed to the next
 * attempt, it counts once even if this one was taken after all.
 */
export class WriteBehindRefusedError extends PlimsollError {
  readonly code = 'PLIMSOLL_WRITE_BEHIND_REFUSED'
  readonly id: string
  /** When to come back, in seconds. */
  readonly retryAfter: number

  constructor(namespace: string, reason: string, retryAfter: number, id: string, cause?: unknown) {
    super(`namespace ${namespace}: the write was not taken: ${reason}; try again in ${retryAfter} s`)
    this.id = id
    this.retryAfter = retryAfter
    if (cause !== undefined) this.cause = cause
  }
}

/** What is parked of a write-behind namespace could not be told or changed, or not all of it. Answer 503 with Retry-After; calling again goes on. */
export class ParkedUnavailableError extends PlimsollError {
  readonly code = 'PLIMSOLL_PARKED_UNAVAILABLE'
  /** When to come back, in seconds. */
  readonly retryAfter = 5

  constructor(namespace: string, reason: string, cause?: unknown) {
    super(`namespace ${namespace}: what is parked is out of reach: ${reason}; try again in 5 s`)
    if (cause !== undefined) this.cause = cause
  }
}

/** The eviction policy of this Redis may throw away writes that wait there. Nothing was written. */
export class EvictionPolicyError extends PlimsollError {
  readonly code = 'PLIMSOLL_EVICTION_POLICY'
  constructor(namespace: string, policy: string) {
    super(
      `namespace ${namespace}: under maxmemory-policy ${policy} Redis may evict writes that wait to be saved. ` +
        'Use noeviction or a volatile policy, or a Redis of its own (option redis), or accept the loss by behind.allowEviction.',
    )
  }
}

/**
 * Redis could not give a lease, so that nothing keeps other processes from updating the key too. Nothing was changed.
 * Answer 503, or say `withoutLease: true` where `save` compares what it replaces.
 */
export class LeaseUnavailableError extends PlimsollError {
  readonly code = 'PLIMSOLL_LEASE_UNAVAILABLE'
  constructor(namespace: string) {
    super(`namespace ${namespace}: Redis could not give the lease that an update needs`)
  }
}

/** Thrown by your `save` when the row is not any more what it replaces: `update` then reads it again and retries. */
export class UpdateConflictError extends PlimsollError {
  readonly code = 'PLIMSOLL_UPDATE_CONFLICT'
  constructor(message = 'the source has changed since it was read') {
    super(message)
  }
}

/** How far `warm` has come. */
export interface WarmProgress {
  /** Keys that are through: `found`, `loaded` and `failed` together. */
  readonly done: number
  /** Undefined where the keys come one by one and their number is not known. */
  readonly total: number | undefined
  /** Keys that had a fresh value already, or that another process has loaded. */
  readonly found: number
  /** Keys that this call has loaded. */
  readonly loaded: number
  /** Of `loaded`: those that Redis is not known to have taken. This process keeps them, and does not load them again. */
  readonly unstored: number
  /** Keys whose load failed. They are not tried again. */
  readonly failed: number
  /** Keys a second, over the last ten seconds. */
  readonly perSecond: number
  /** At that rate; undefined where `total` is, and while nothing moves. */
  readonly secondsLeft: number | undefined
  /**
   * What some of the last batch have to wait for: a Redis that does not answer or gives no lease, a source that is overloaded or left alone, or
   * the loads of others. Undefined where nothing is in the way.
   */
  readonly waitingFor: 'redis' | 'source' | 'others' | undefined
}

/**
 * Nothing could be warmed for as long as `wait` allows: Redis gave no answer or no lease, or the source was overloaded. What is warm by then stays warm, and
 * `progress` tells how much that is. Call `warm` again with the same keys: it goes on where it stopped.
 */
export class WarmStalledError extends PlimsollError {
  readonly code = 'PLIMSOLL_WARM_STALLED'
  readonly waitingFor: 'redis' | 'source' | 'others'
  readonly progress: WarmProgress

  constructor(namespace: string, waitingFor: WarmStalledError['waitingFor'], progress: WarmProgress) {
    super(`namespace ${namespace}: warming came no further, ${stalls[waitingFor]}; ${progress.done} keys are done`)
    this.waitingFor = waitingFor
    this.progress = progress
  }
}

const stalls = {
  redis: 'for Redis does not answer, or gives no lease',
  source: 'for the source is overloaded or left alone',
  others: 'for others hold the leases of what is left',
} as const
