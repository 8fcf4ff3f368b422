import { type Script, script } from './scripts.ts'

// Sessions and their index stand in different slots of a cluster, so no script sees both: what must hold between them
// holds by the order of the calls. Within one slot stand a session and its tombstone.
//
// Where Redis is full a script without "#!lua" is refused command by command, and only until its first write: after that
// Redis lets it end what it began. Hence deletions come first, and what grows after them passes.

/**
 * KEYS session. Answers {1, value, pttl}; {0, run id} where there is none, so that the answer carries the run of
 * the server that gave it; {2} for what is no session: another type, or a key that would live for ever.
 */
export const loadSession: Script = script(`
local held = redis.pcall('GET', KEYS[1])
if not held then
  local info = redis.pcall('INFO', 'server')
  if type(info) ~= 'string' then info = '' end
  return {0, string.match(info, 'run_id:(%x+)') or ''}
end
local left = redis.call('PTTL', KEYS[1])
if type(held) ~= 'string' or left < 0 then return {2} end
return {1, held, left}
`)

/**
 * KEYS session, tombstone; ARGV record, ttl, revision, where it starts and ends. Answers 1 stored, 0 taken or destroyed a moment ago.
 * A retry after a reply that never came finds its own revision, and is told that it has succeeded.
 */
export const createSession: Script = script(`
if redis.pcall('GETRANGE', KEYS[1], ARGV[4], ARGV[5]) == ARGV[3] then return 1 end
if redis.call('EXISTS', KEYS[1], KEYS[2]) > 0 then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`)

/**
 * KEYS session; ARGV record, ttl, revision, where it starts and ends, expected revision or '', channel, message. Answers {1} stored,
 * {0} gone, {2, value, pttl} where another revision stands there.
 */
export const replaceSession: Script = script(`
local held = redis.pcall('GET', KEYS[1])
if type(held) ~= 'string' then return {0} end
local left = redis.call('PTTL', KEYS[1])
if left < 0 then return {0} end
local revision = string.sub(held, ARGV[4] + 1, ARGV[5] + 1)
if revision == ARGV[3] then return {1} end
if ARGV[6] ~= '' and revision ~= ARGV[6] then return {2, held, left} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.pcall('PUBLISH', ARGV[7], ARGV[8])
return {1}
`)

/** KEYS session, tombstone; ARGV record, ttl, channel, message. Answers 0 where it was destroyed a moment ago. */
export const putSession: Script = script(`
if redis.call('EXISTS', KEYS[2]) > 0 then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.pcall('PUBLISH', ARGV[3], ARGV[4])
return 1
`)

/** KEYS session; ARGV ttl. Answers 0 where there is none. What would live for ever is no session and stays as it is. */
export const touchSession: Script = script(`
if redis.call('PTTL', KEYS[1]) < 0 then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[1])
`)

/**
 * KEYS session, tombstone; ARGV tombstone ttl, bytes of the head, channel, message. Answers whether there was one, and its head.
 * The tombstone is a hint for writes under way; Redis may evict it, and nothing rests on it alone.
 */
export const destroySession: Script = script(`
local head = redis.pcall('GETRANGE', KEYS[1], 0, ARGV[2])
if type(head) ~= 'string' then head = '' end
local existed = redis.call('DEL', KEYS[1])
redis.pcall('SET', KEYS[2], '1', 'PX', ARGV[1])
redis.pcall('PUBLISH', ARGV[3], ARGV[4])
return {existed, head}
`)

/**
 * KEYS index; ARGV handle, createdAt, ttl, cutoff. Answers handles and scores, oldest first. A new entry is the newest,
 * whatever the clocks of two machines say: it must not be the one that is pushed out. A double has room for thousandths.
 */
export const enlistSession: Script = script(`
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[4])
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  local score = tonumber(ARGV[2])
  local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  if last[2] and tonumber(last[2]) >= score then score = tonumber(last[2]) + 0.001 end
  redis.call('ZADD', KEYS[1], string.format('%.3f', score), ARGV[1])
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
`)

/** KEYS index; ARGV handle, createdAt, ttl, cutoff. Puts back an entry that Redis has evicted; adds nothing where it stands. */
export const relistSession: Script = script(`
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[4])
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
`)

/** KEYS index; ARGV cutoff. Answers handles and scores, oldest first. */
export const listSessions: Script = script(`
redis.pcall('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[1])
return redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
`)

/** KEYS index; ARGV handles. */
export const delistSessions: Script = script(`
return redis.call('ZREM', KEYS[1], unpack(ARGV))
`)

/** KEYS session. What is left of its life in milliseconds; less than 0 where there is none. */
export const lifeOfSession: Script = script(`return redis.call('PTTL', KEYS[1])`)

export type { Script }
