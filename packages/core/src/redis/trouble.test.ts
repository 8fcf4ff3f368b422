import { ReplyError } from 'ioredis'
import { describe, expect, test } from 'vitest'
import {
  classify,
  isOutage,
  isRefusedWrite,
  RedisTimeoutError,
  RedisUnavailableError,
  type TroubleClass,
} from './trouble.ts'

/** As ioredis makes them of error replies: its own class sets the name. */
function replyError(message: string, more: object = {}): Error {
  return Object.assign(new ReplyError(message), more)
}

function socketError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code, syscall: 'connect' })
}

const replies: readonly (readonly [TroubleClass, string])[] = [
  ['oom', "OOM command not allowed when used memory > 'maxmemory'."],
  ['misconf', 'MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist on disk.'],
  ['readonly', "READONLY You can't write against a read only replica."],
  ['noreplicas', 'NOREPLICAS Not enough good replicas to write.'],
  ['loading', 'LOADING Redis is loading the dataset in memory'],
  ['busy', 'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.'],
  ['masterdown', "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."],
  ['clusterdown', 'CLUSTERDOWN The cluster is down'],
  ['clusterdown', 'CLUSTERDOWN Hash slot not served'],
  ['clusterdown', 'TRYAGAIN Multiple keys request during rehashing of slot'],
  ['clusterdown', 'MOVED 3999 127.0.0.1:6381'],
  ['clusterdown', 'ASK 3999 127.0.0.1:6381'],
  ['auth', 'NOAUTH Authentication required.'],
  ['auth', 'WRONGPASS invalid username-password pair or user is disabled.'],
  ['noperm', "NOPERM this user has no permissions to run the 'evalsha' command"],
  ['maxclients', 'ERR max number of clients reached'],
  ['reply', 'WRONGTYPE Operation against a key holding the wrong kind of value'],
  ['reply', "ERR unknown command 'EVALSHA'"],
  ['reply', 'NOSCRIPT No matching script. Please use EVAL.'],
  ['reply', ''],
  ['reply', 'OOMPH is no first word of ours'],
  // A value that speaks of a class is not of that class.
  ['reply', 'ERR invalid argument: OOM MISCONF READONLY'],
  // Redis 7 scripts hand the refusal on as it is, with the script's name behind it.
  ['oom', "OOM command not allowed when used memory > 'maxmemory'. script: 8d3c, on @user_script:3."],
  ['readonly', "READONLY You can't write against a read only replica. script: 8d3c, on @user_script:3."],
  ['oom', '-OOM command not allowed when used memory'],
  // Redis 6.2 wraps it.
  [
    'oom',
    "ERR Error running script (call to f_8d3c): @user_script:3: @user_script: 3: -OOM command not allowed when used memory > 'maxmemory'.",
  ],
  ['reply', 'ERR Error running script (call to f_8d3c): @user_script:3: attempt to index a nil value'],
]

const connectionErrors: readonly (readonly [string, unknown])[] = [
  ['a closed connection', new Error('Connection is closed.')],
  ['no offline queue', new Error("Stream isn't writeable and enableOfflineQueue options is false")],
  ['a refused connection', socketError('ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:6379')],
  ['a reset', socketError('ECONNRESET', 'read ECONNRESET')],
  ['a broken pipe', socketError('EPIPE', 'write EPIPE')],
  ['an unknown host', socketError('ENOTFOUND', 'getaddrinfo ENOTFOUND cache.example.com')],
  ['a connect timeout', socketError('ETIMEDOUT', 'connect ETIMEDOUT')],
  [
    'flushed retries',
    Object.assign(new Error('Reached the max retries per request limit'), { name: 'MaxRetriesPerRequestError' }),
  ],
  ['an unavailable Redis', new RedisUnavailableError('not connected to Redis')],
  [
    'all nodes of a cluster lost',
    Object.assign(new Error('Failed to refresh slots cache.'), { name: 'ClusterAllFailedError' }),
  ],
  ['text', 'broken'],
  ['nothing', undefined],
]

describe('classify', () => {
  test.each(replies)('%s: %s', (trouble, message) => {
    expect(classify(replyError(message))).toBe(trouble)
  })

  test.each(connectionErrors)('takes %s for a connection error', (_, error) => {
    expect(classify(error)).toBe('connection')
  })

  test('knows our own deadline', () => {
    expect(classify(new RedisTimeoutError('no reply'))).toBe('timeout')
  })

  test('takes words of an error that is no reply for nothing', () => {
    expect(classify(new Error('OOM command not allowed'))).toBe('connection')
  })

  test('finds in an EXECABORT what made the transaction fail', () => {
    const message = 'EXECABORT Transaction discarded because of previous errors.'
    const oom = replyError("OOM command not allowed when used memory > 'maxmemory'.")
    const wrongType = replyError('WRONGTYPE Operation against a key')
    expect(classify(replyError(message, { previousErrors: [oom] }))).toBe('oom')
    expect(classify(replyError(message, { previousErrors: [wrongType, oom] }))).toBe('oom')
    expect(classify(replyError(message, { previousErrors: [wrongType] }))).toBe('reply')
    expect(classify(replyError(message, { previousErrors: [] }))).toBe('reply')
    expect(classify(replyError(message))).toBe('reply')
  })
})

describe('what follows from a class', () => {
  const everyClass: Record<TroubleClass, 'refused write' | 'outage' | 'answer'> = {
    oom: 'refused write',
    misconf: 'refused write',
    readonly: 'refused write',
    noreplicas: 'refused write',
    loading: 'outage',
    busy: 'outage',
    masterdown: 'outage',
    clusterdown: 'outage',
    auth: 'outage',
    noperm: 'answer',
    maxclients: 'outage',
    timeout: 'outage',
    connection: 'outage',
    reply: 'answer',
  }

  test.each(Object.entries(everyClass) as [TroubleClass, string][])('%s is an %s', (trouble, consequence) => {
    expect(isRefusedWrite(trouble)).toBe(consequence === 'refused write')
    expect(isOutage(trouble)).toBe(consequence === 'outage')
  })
})
