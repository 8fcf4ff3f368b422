import { createHash } from 'node:crypto'
import type { Client } from './topology.ts'

/** A Lua script, sent by its hash and in full only where Redis does not know it (a new or restarted server). */
export interface Script {
  readonly text: string
  readonly hash: string
}

// No "#!lua" line: with it and without flags Redis 7 would refuse the whole script when it is full, and these scripts
// must still read, delete and publish then. Commands that grow Redis are refused one by one, which pcall shows us.
/** @internal */
export function script(text: string): Script {
  return { text, hash: createHash('sha1').update(text).digest('hex') }
}

// PUBLISH by pcall too: a user without rights to the channel has his writes done. Other processes then answer the older
// value for local.ttl; the heartbeat is refused as well, and that is logged.

// A lease is held as its token, followed by "*" once somebody waits for it. Tokens have one length and no "*".

/**
 * KEYS value, lease; ARGV token, lease ttl, what the caller saw ("-" nothing, "+" and freshUntil's bytes), "1" to wait.
 * Answers {0} held by another, {1} acquired, {2, value} a value that arrived meanwhile.
 * One script, for a GET and then a SET NX could both miss a load that ends between them. What stands under the lease's
 * key and is no lease (another type, no expiry) is not ours and would be held for ever.
 */
export const acquireLease = acquiring("if held then redis.call('DEL', KEYS[2]) end")

/**
 * As acquireLease, for an update, which has nothing to fall back on: it passes where Redis is full, for a script that has
 * written is not refused any more (Redis 6 and 7), and DEL never is. There are as many such leases as updates under way.
 */
export const acquireUpdateLease = acquiring("redis.call('DEL', KEYS[2])")

function acquiring(makeRoom: string): Script {
  return script(`
local value = redis.pcall('GET', KEYS[1])
if type(value) == 'string' and '+' .. string.sub(value, 5, 12) ~= ARGV[3] then return {2, value} end
local held = redis.pcall('GET', KEYS[2])
if type(held) ~= 'string' or redis.call('PTTL', KEYS[2]) < 0 then
  ${makeRoom}
  redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
  return {1}
end
if ARGV[4] == '1' and string.sub(held, -1) ~= '*' then redis.pcall('APPEND', KEYS[2], '*') end
return {0}
`)
}

/** KEYS lease; ARGV token, ttl. Answers 0 where the lease is lost. */
export const renewLease = script(`
local held = redis.call('GET', KEYS[1])
if not held or string.sub(held, 1, #ARGV[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`)

/** KEYS value, lease; ARGV token, entry, entry ttl, channel, wake message. Answers 0 where the lease is lost, else 1. */
export const storeUnderLease = script(`
local held = redis.call('GET', KEYS[2])
if not held or string.sub(held, 1, #ARGV[1]) ~= ARGV[1] then return 0 end
local stored = redis.pcall('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[2])
if string.sub(held, -1) == '*' then redis.pcall('PUBLISH', ARGV[4], ARGV[5]) end
if type(stored) == 'table' and stored.err then return stored end
return 1
`)

/** KEYS lease; ARGV token, channel, wake message. Answers 0 where the lease is lost, else 1. */
export const releaseLease = script(`
local held = redis.call('GET', KEYS[1])
if not held or string.sub(held, 1, #ARGV[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
if string.sub(held, -1) == '*' then redis.pcall('PUBLISH', ARGV[2], ARGV[3]) end
return 1
`)

/**
 * KEYS lease; ARGV token, ttl. A write's intent takes the lease from whoever holds it: that loader may have read what
 * the write is about to replace. Those who wait for the lease go on waiting, now for the write.
 */
export const placeIntent = script(`
local held = redis.pcall('GET', KEYS[1])
local mark = ''
if type(held) == 'string' and string.sub(held, -1) == '*' then mark = '*' end
redis.call('SET', KEYS[1], ARGV[1] .. mark, 'PX', ARGV[2])
return 1
`)

/**
 * KEYS value, lease; ARGV token, entry, entry ttl, channel, invalidation message, "1" where Redis alone holds the value.
 * Stores only while the intent is still the last one; else it unlinks the value, and the intent of the other writer with
 * it, for nobody knows which of the two saves came last. Answers 1 stored, 0 unlinked, 2 unlinked because Redis refused
 * the value. What Redis alone holds is left as it is instead of being unlinked, and so is the other writer's intent.
 */
export const storeWrite = script(`
local held = redis.call('GET', KEYS[2])
local last = held and string.sub(held, 1, #ARGV[1]) == ARGV[1]
local alone = ARGV[6] == '1'
local reply = 0
if last then
  local stored = redis.pcall('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  if type(stored) == 'table' and stored.err then reply = 2 else reply = 1 end
end
if reply ~= 1 and not alone then redis.call('DEL', KEYS[1]) end
if last or not alone then redis.call('DEL', KEYS[2]) end
if ARGV[5] ~= '' then redis.pcall('PUBLISH', ARGV[4], ARGV[5]) end
return reply
`)

/**
 * KEYS value and lease of each entry; ARGV channel, invalidation messages. Voids any lease, so that no slow loader brings
 * a value back.
 */
export const invalidate = script(`
redis.call('UNLINK', unpack(KEYS))
for index = 2, #ARGV do redis.pcall('PUBLISH', ARGV[1], ARGV[index]) end
return 1
`)

// The order of two versions, byte by byte: Lua's own comparison goes by the locale. Nil where the entry has no version, or
// is of other generations than the one that is to be stored: since a clear() versions may start anew.
const orderOfVersions = `
local function generationOf(entry)
  if math.floor(string.byte(entry, 4) / 16) % 2 == 0 then return '' end
  local start = 42 + string.byte(entry, 41)
  return string.sub(entry, start, start + 11)
end
local function order(version, entry)
  if type(entry) ~= 'string' or #entry < 41 or string.sub(entry, 1, 3) ~= 'PL\\1' then return nil end
  if math.floor(string.byte(entry, 4) / 32) % 2 == 0 then return nil end
  if generationOf(entry) ~= generationOf(ARGV[2]) then return nil end
  local length = string.byte(entry, 41)
  for index = 1, math.min(#version, length) do
    local mine, its = string.byte(version, index), string.byte(entry, 41 + index) or -1
    if mine ~= its then return mine < its and -1 or 1 end
  end
  return #version == length and 0 or (#version < length and -1 or 1)
end
`

/**
 * As storeUnderLease; ARGV also version, "1" where nothing that is there may be filled in. Nothing replaces what is
 * newer. Without the lease an older version is replaced and no other: what is absent may have been deleted since the load.
 */
export const storeVersionUnderLease = script(`${orderOfVersions}
local held = redis.call('GET', KEYS[2])
local holds = ARGV[1] ~= '' and held and string.sub(held, 1, #ARGV[1]) == ARGV[1]
local order = order(ARGV[6], redis.pcall('GET', KEYS[1]))
local reply = 0
if order == 1 or ((holds or ARGV[7] == '1') and order ~= -1) then
  reply = redis.pcall('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  if type(reply) ~= 'table' or not reply.err then reply = 1 end
end
if holds then
  redis.call('DEL', KEYS[2])
  if string.sub(held, -1) == '*' then redis.pcall('PUBLISH', ARGV[4], ARGV[5]) end
end
return reply
`)

/**
 * As storeWrite; ARGV then version. Answers 3 too, where what is there is newer. Where the intent is not the last one, the
 * versions tell whose save came last, as long as there is an older one to compare with. Equal ones, of one millisecond for
 * example, tell nothing.
 */
export const storeVersionWrite = script(`${orderOfVersions}
local held = redis.call('GET', KEYS[2])
local order = order(ARGV[7], redis.pcall('GET', KEYS[1]))
local last = held and string.sub(held, 1, #ARGV[1]) == ARGV[1]
local alone = ARGV[6] == '1'
local reply = 0
if order == -1 then
  reply = 3
elseif last or order == 1 then
  local stored = redis.pcall('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  if type(stored) == 'table' and stored.err then reply = 2 else reply = 1 end
end
if (reply == 0 or reply == 2) and not alone then redis.call('DEL', KEYS[1]) end
if last or not alone then redis.call('DEL', KEYS[2]) end
if ARGV[5] ~= '' then redis.pcall('PUBLISH', ARGV[4], ARGV[5]) end
return reply
`)

export async function runScript(
  client: Client,
  { hash, text }: Script,
  keys: readonly string[],
  args: readonly (string | number | Buffer)[],
): Promise<unknown> {
  try {
    return await client.callBuffer('evalsha', [hash, keys.length, ...keys, ...args])
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
    return await client.callBuffer('eval', [text, keys.length, ...keys, ...args])
  }
}
