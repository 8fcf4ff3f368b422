import { script } from './scripts.ts'

// KEYS: the generations of a namespace, in one string, so that an eviction takes all of them or none: 12 bytes of
// identity, made anew by chance whenever there is none, then four bytes a slot, which count its invalidations. A slot
// beyond the end has the count 0. There is no expiry, so that volatile policies spare it.
//
// All of them must pass where Redis is full, for what they replace is no larger, or at most 64 KiB a namespace: a script
// that has begun to write is not refused any more (Redis 6 and 7), and PERSIST and DEL are never.

/** ARGV identity for where there is none, channel, head of the message. Answers the whole string. */
export const readGenerations = script(`
local held = redis.pcall('GET', KEYS[1])
if type(held) == 'string' and #held >= 12 then return held end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1])
redis.pcall('PUBLISH', ARGV[2], ARGV[3] .. ',"' .. ARGV[1] .. '",[]]')
return ARGV[1]
`)

/** ARGV as above, then slots. Counts each on, and answers the identity followed by each slot's new count in four bytes. */
export const countGenerations = script(`
local identity = redis.pcall('GETRANGE', KEYS[1], 0, 11)
redis.call('PERSIST', KEYS[1])
if type(identity) ~= 'string' or #identity < 12 then
  identity = ARGV[1]
  redis.call('DEL', KEYS[1])
  redis.call('SET', KEYS[1], identity)
end
local reply, told = identity, {}
for index = 4, #ARGV do
  local at = 12 + 4 * tonumber(ARGV[index])
  local before = redis.call('GETRANGE', KEYS[1], at, at + 3)
  local count = 1
  if #before == 4 then count = struct.unpack('>I4', before) + 1 end
  local bytes = struct.pack('>I4', count)
  redis.call('SETRANGE', KEYS[1], at, bytes)
  reply = reply .. bytes
  told[#told + 1] = '[' .. ARGV[index] .. ',' .. count .. ']'
end
redis.pcall('PUBLISH', ARGV[2], ARGV[3] .. ',"' .. identity .. '",[' .. table.concat(told, ',') .. ']]')
return reply
`)

/** ARGV the new identity, channel, head of the message. Whatever was stored before belongs to no generation any more. */
export const replaceGenerations = script(`
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1])
redis.pcall('PUBLISH', ARGV[2], ARGV[3] .. ',"' .. ARGV[1] .. '",[]]')
return 1
`)
