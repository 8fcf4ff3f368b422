import { script } from './scripts.ts'

// All keys of one script share a hash tag, and so a slot: a value and the stream of the operations on it change together.
//
// A full Redis refuses what grows it as a script's FIRST write only, "otherwise we can't stop in the middle" (scriptVerifyOOM
// in Redis 7.0, the same rule in 6). So the scripts that append begin with XADD and are refused whole, and those that
// flush begin with a deletion or an acknowledgement: flushing is what frees a full Redis.

/**
 * An entry's ID is its sequence: microseconds of Redis's clock, or one more than the last ID where the clock stands or
 * was set back. So it grows even across a Redis that comes back empty, and stays below 2^53 until the year 2255.
 */
/** @internal */
export const append = `
local function nextSequence(stream)
  local time = redis.call('TIME')
  local now = time[1] * 1000000 + time[2]
  local info = redis.pcall('XINFO', 'STREAM', stream)
  for index = 1, #info, 2 do
    if info[index] == 'last-generated-id' then now = math.max(now, tonumber(string.match(info[index + 1], '^%d+')) + 1) end
  end
  return now
end
local function append(stream, sequence, ...)
  return redis.pcall('XADD', stream, string.format('%.0f-0', sequence), ...)
end
`

/** The entry of a JSON number (see entry/envelope.ts) with something added; nil where it is no such entry, or beyond 2^53. */
const plus = `
local function plus(entry, by)
  if #entry <= 40 or string.sub(entry, 1, 4) ~= 'PL\\1\\0' then return nil end
  local sum = tonumber(string.sub(entry, 41))
  if not sum or math.abs(sum + by) > 9007199254740991 then return nil end
  local text = string.format('%.17g', sum + by)
  return string.sub(entry, 1, 24) .. struct.pack('>I4I4', #text, #text) .. string.sub(entry, 33, 40) .. text, text
end
`

/** The group's last delivered ID and how many entries are delivered and not acknowledged. */
const progress = `
local function progress(stream, group)
  local groups = redis.pcall('XINFO', 'GROUPS', stream)
  for _, one in ipairs(groups.err and {} or groups) do
    local told = {}
    for index = 1, #one, 2 do told[one[index]] = one[index + 1] end
    if told.name == group then return string.match(told['last-delivered-id'], '^%d+'), told.pending end
  end
  return '0', 0
end
`

/** Entries that wait, and the age of the oldest in milliseconds. */
const backlog = `
local function backlog(stream)
  local oldest = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  if not oldest then return 0, 0 end
  local time = redis.call('TIME')
  local age = time[1] * 1000 + time[2] / 1000 - tonumber(string.match(oldest[1], '^%d+')) / 1000
  return redis.call('XLEN', stream), math.max(0, math.floor(age))
end
`

// The hash of what waits has, for each value's key: ":n" operations, ":s" the sum of increments, ":f" a sequence that none
// of them is below, ":q" the highest sequence that the callers gave.

/**
 * KEYS stream, waiting, the value of each operation; ARGV most entries, schema version, channel ("" for none), then id, key, by
 * and message of each. Answers {0} where the stream is at its bound, else {1} and the new value of each or "". A loader's lease is left alone: it
 * adds what waits.
 */
export const appendIncrements = script(`${append}${plus}
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return {0} end
local sequence = nextSequence(KEYS[1])
local reply = {1}
for index = 3, #KEYS do
  local value = KEYS[index]
  local at = 4 * (index - 2)
  local by = ARGV[at + 2]
  local added = append(KEYS[1], sequence + index - 3, 'o', ARGV[at], 'k', ARGV[at + 1], 'b', by, 's', ARGV[2])
  if type(added) == 'table' then return added end
  if redis.call('HINCRBY', KEYS[2], value .. ':n', 1) == 1 then
    redis.call('HSET', KEYS[2], value .. ':f', string.format('%.0f', sequence + index - 3))
  end
  redis.call('HINCRBY', KEYS[2], value .. ':s', by)
  local before = redis.pcall('GET', value)
  local after, text
  if type(before) == 'string' then
    after, text = plus(before, tonumber(by))
    -- Without an end: it must outlive what waits, for the source does not have it yet.
    if after then redis.call('SET', value, after) end
  end
  if before and not after then redis.call('DEL', value) end
  if ARGV[3] ~= '' then redis.pcall('PUBLISH', ARGV[3], ARGV[at + 3]) end
  reply[index - 1] = text or ''
end
return reply
`)

/**
 * KEYS value, stream, waiting, lease; ARGV id, key, entry, most entries, schema version, channel, message, the caller's
 * sequence or "". Answers {0} or {1}. The lease is void: what its holder read is older.
 */
export const appendValue = script(`${append}
if redis.call('XLEN', KEYS[2]) >= tonumber(ARGV[4]) then return {0} end
local sequence = nextSequence(KEYS[2])
local added = append(KEYS[2], sequence, 'o', ARGV[1], 'k', ARGV[2], 'v', ARGV[3], 's', ARGV[5], 'q', ARGV[8])
if type(added) == 'table' then return added end
if redis.call('HINCRBY', KEYS[3], KEYS[1] .. ':n', 1) == 1 then
  redis.call('HSET', KEYS[3], KEYS[1] .. ':f', string.format('%.0f', sequence))
end
local newest = true
if ARGV[8] ~= '' then
  local highest = redis.call('HGET', KEYS[3], KEYS[1] .. ':q')
  newest = not highest or tonumber(ARGV[8]) >= tonumber(highest)
  if newest then redis.call('HSET', KEYS[3], KEYS[1] .. ':q', ARGV[8]) end
end
if newest then redis.call('SET', KEYS[1], ARGV[3]) end
redis.call('DEL', KEYS[4])
if ARGV[6] ~= '' then redis.pcall('PUBLISH', ARGV[6], ARGV[7]) end
return {1}
`)

/**
 * KEYS stream, lock, waiting, parked; ARGV group, consumer, turn (the consumer, a point and more), lock ttl, most entries. Whoever holds the lock is the only one to flush,
 * so all that others have left unacknowledged is his. Answers {0, entries waiting, age of the oldest, lock's ttl, {}, parked} where another holds it,
 * else {1, entries waiting, age of the oldest, how many were taken over, entries, parked, how many of the entries had been handed out before}.
 */
export const take = script(`${backlog}${progress}
local holder = redis.pcall('GET', KEYS[2])
local mine = type(holder) == 'string' and string.sub(holder, 1, #ARGV[2] + 1) == ARGV[2] .. '.'
local depth, age = backlog(KEYS[1])
local parked = redis.call('XLEN', KEYS[4])
local left = redis.call('PTTL', KEYS[2])
if holder and not mine and left >= 0 then return {0, depth, age, left, {}, parked} end
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
if depth == 0 then
  -- What a stream that was lost, or trimmed by somebody, has left behind would be waited for for ever. Its values have no end, and hold what the
  -- source will never get.
  for _, field in ipairs(redis.pcall('HKEYS', KEYS[3])) do
    if string.sub(field, -2) == ':n' then redis.call('UNLINK', string.sub(field, 1, -3)) end
  end
  redis.call('DEL', KEYS[3])
  if redis.call('EXISTS', KEYS[1]) == 0 then return {1, 0, 0, 0, {}, parked, 0} end
end
local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1])
if pending.err then
  redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0')
  pending = {0}
end
if pending[1] == 0 and depth > 0 then
  -- What was handed out and is nobody's, since somebody has deleted its consumer, would stay for ever. Where none of a key is below is not known then.
  local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
  local delivered = progress(KEYS[1], ARGV[1])
  if tonumber(string.match(oldest[1], '^%d+')) <= tonumber(delivered) then
    redis.call('XGROUP', 'SETID', KEYS[1], ARGV[1], '0')
    for _, field in ipairs(redis.pcall('HKEYS', KEYS[3])) do
      if string.sub(field, -2) == ':f' then redis.call('HDEL', KEYS[3], field) end
    end
  end
end
local others = 0
if pending[1] > 0 then
  for _, consumer in ipairs(pending[4]) do
    if consumer[1] ~= ARGV[2] then others = others + tonumber(consumer[2]) end
  end
end
local most = tonumber(ARGV[5])
local entries = {}
local taken = 0
if pending[1] > 0 then
  for _, entry in ipairs(redis.call('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, '0-0', 'COUNT', most)[2]) do
    if entry then entries[#entries + 1] = entry end
  end
  taken = math.min(others, #entries)
end
local before = #entries
if before < most then
  local read = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', most - before, 'STREAMS', KEYS[1], '>')
  for _, entry in ipairs(read and read[1][2] or {}) do entries[#entries + 1] = entry end
end
if not mine or depth == 0 then
  for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
    if consumer[2] ~= ARGV[2] and consumer[4] == 0 then redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer[2]) end
  end
end
return {1, depth, age, taken, entries, parked, before}
`)

/** KEYS stream, lock; ARGV group, consumer, turn, most entries. Answers new entries; none where the lock is lost, or the stream. */
export const takeMore = script(`
if redis.call('GET', KEYS[2]) ~= ARGV[3] then return {} end
local read = redis.pcall('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', ARGV[4], 'STREAMS', KEYS[1], '>')
return read and not read.err and read[1][2] or {}
`)

/** KEYS lock; ARGV turn, lock ttl. Answers 0 where another holds it, or nobody. */
export const renewLock = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`)

/**
 * Books what does not wait any more, and gives a value nothing waits for its end back. `drop`: or deletes it. `from`: a sequence that nothing of
 * what waits is below, or nil where some of it may be under way.
 */
const settle = `${progress}
local function settle(waiting, value, count, sum, from, drop)
  if redis.call('HINCRBY', waiting, value .. ':n', -count) > 0 then
    -- Not "-sum", which is "-0" where nothing was added: no integer to Redis.
    redis.call('HINCRBY', waiting, value .. ':s', 0 - sum)
    if from then redis.call('HSET', waiting, value .. ':f', from) end
    return
  end
  redis.call('HDEL', waiting, value .. ':n', value .. ':s', value .. ':f', value .. ':q')
  if drop then redis.call('UNLINK', value) return end
  local header = redis.pcall('GETRANGE', value, 0, 39)
  if type(header) == 'string' and #header == 40 and string.sub(header, 1, 2) == 'PL' then
    redis.call('PEXPIREAT', value, string.format('%.0f', struct.unpack('>d', string.sub(header, 13, 20))))
  end
end
local function waitsFrom(stream, group)
  local delivered, pending = progress(stream, group)
  if pending == 0 then return string.format('%.0f', tonumber(delivered) + 1) end
end
`

/**
 * KEYS stream, lock, waiting, values…; ARGV group, turn, "1" to drop the values, "1" where the entries are all that was handed out in this turn, and
 * none of them before, then for each value how many entries and their sum, then the entries' IDs. Answers 0 where the lock was lost: who holds it will
 * flush them again, and the source drops what it has.
 *
 * What nobody has lost in between is cut off the stream's beginning at once: XDEL looks for each entry from the beginning of its node, and takes 1.9 ms
 * for 1,000 of them where XTRIM takes 0.02 ms.
 */
export const acknowledge = script(`${settle}
if redis.call('GET', KEYS[2]) ~= ARGV[2] then return 0 end
local ids = 5 + 2 * (#KEYS - 3)
for first = ids, #ARGV, 1000 do
  redis.call('XACK', KEYS[1], ARGV[1], unpack(ARGV, first, math.min(first + 999, #ARGV)))
end
local from = waitsFrom(KEYS[1], ARGV[1])
local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
local time, counter = string.match(ARGV[#ARGV], '^(%d+)-(%d+)$')
local cut
-- A replica that has taken over may not know of all that was handed out, and have entries with IDs below that nobody has had.
local isBefore = from and tonumber(time) < tonumber(from)
if ARGV[4] == '1' and isBefore and oldest and oldest[1] == ARGV[ids] then
  -- A user whose rights were listed for an earlier release may not.
  cut = redis.pcall('XTRIM', KEYS[1], 'MINID', time .. '-' .. counter + 1)
end
if type(cut) ~= 'number' then
  for first = ids, #ARGV, 1000 do
    redis.call('XDEL', KEYS[1], unpack(ARGV, first, math.min(first + 999, #ARGV)))
  end
end
for index = 4, #KEYS do
  local at = 5 + 2 * (index - 4)
  settle(KEYS[3], KEYS[index], ARGV[at], ARGV[at + 1], from, ARGV[3] == '1')
end
return 1
`)

/**
 * KEYS stream, lock, waiting, parked, value; ARGV group, turn, most parked, reason, sum, attempts, then IDs. Moves entries to the
 * dead-letter stream. The value is dropped: the source does not have it, and is what counts. Answers how many found no room there, for which nothing
 * gives way; -1 where the lock was lost.
 */
export const park = script(`${settle}
if redis.call('GET', KEYS[2]) ~= ARGV[2] then return -1 end
if redis.call('XLEN', KEYS[4]) >= tonumber(ARGV[3]) then return #ARGV - 6 end
for index = 7, #ARGV do
  local entry = redis.call('XRANGE', KEYS[1], ARGV[index], ARGV[index])[1]
  redis.call('XACK', KEYS[1], ARGV[1], ARGV[index])
  if entry then
    redis.call('XADD', KEYS[4], '*', 'reason', ARGV[4], 'attempts', ARGV[6], 'sequence', ARGV[index], unpack(entry[2]))
    redis.call('XDEL', KEYS[1], ARGV[index])
  end
end
settle(KEYS[3], KEYS[5], #ARGV - 6, ARGV[5], waitsFrom(KEYS[1], ARGV[1]), true)
redis.call('UNLINK', KEYS[5])
return 0
`)

/** KEYS stream, lock; ARGV group, consumer. Gives the lock back; the consumer goes with it unless it leaves something unacknowledged. */
export const releaseLock = script(`
local holder = redis.call('GET', KEYS[2])
if not holder or string.sub(holder, 1, #ARGV[2] + 1) ~= ARGV[2] .. '.' then return 0 end
redis.call('DEL', KEYS[2])
local consumers = redis.pcall('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])
for _, consumer in ipairs(consumers.err and {} or consumers) do
  if consumer[2] == ARGV[2] and consumer[4] == 0 then redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2]) end
end
return 1
`)

/**
 * KEYS stream, waiting; ARGV group, value's key. Answers {operations waiting, their sum, last delivered ID, 1 where some of
 * them may be on their way to the source}.
 */
export const lookAtWaiting = script(`${progress}
local count, sum, from = unpack(redis.call('HMGET', KEYS[2], ARGV[2] .. ':n', ARGV[2] .. ':s', ARGV[2] .. ':f'))
local delivered, pending = progress(KEYS[1], ARGV[1])
local flushing = 0
if count and pending > 0 and tonumber(from or 0) <= tonumber(delivered) then flushing = 1 end
return {count or '0', sum or '0', delivered, flushing}
`)

/**
 * KEYS value, lease, stream, waiting; ARGV token, entry, entry ttl, channel, wake message, group, last delivered ID and sum
 * of what waited when the source was read. Stores the loaded number with what was appended since, unless something was flushed since, for then
 * nobody knows whether the source had it. Answers 0 where nothing was stored, else 1.
 */
export const storeCounter = script(`${progress}${plus}
local held = redis.call('GET', KEYS[2])
if not held or string.sub(held, 1, #ARGV[1]) ~= ARGV[1] then return 0 end
local count, sum = unpack(redis.call('HMGET', KEYS[4], KEYS[1] .. ':n', KEYS[1] .. ':s'))
local more = tonumber(sum or 0) - tonumber(ARGV[8])
local entry = ARGV[2]
if progress(KEYS[3], ARGV[6]) ~= ARGV[7] then entry = nil
elseif more ~= 0 then entry = plus(entry, more) end
local stored
if entry and count then stored = redis.pcall('SET', KEYS[1], entry)
elseif entry then stored = redis.pcall('SET', KEYS[1], entry, 'PX', ARGV[3]) end
redis.call('DEL', KEYS[2])
if string.sub(held, -1) == '*' then redis.pcall('PUBLISH', ARGV[4], ARGV[5]) end
if type(stored) == 'table' and stored.err then return stored end
return entry and 1 or 0
`)
