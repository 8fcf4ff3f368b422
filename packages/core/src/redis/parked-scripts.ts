import { script } from './scripts.ts'
import { append } from './stream-scripts.ts'

/** KEYS parked; ARGV first ID, last ID, most. Answers {how many are parked, the last ID or "", entries}. */
export const listParked = script(`
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
return {redis.call('XLEN', KEYS[1]), last and last[1] or '', redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[2], 'COUNT', ARGV[3])}
`)

/** KEYS parked; ARGV IDs. Answers the entries that were there. */
export const discardParked = script(`
local discarded = {}
for _, id in ipairs(ARGV) do
  local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
  if entry and redis.call('XDEL', KEYS[1], id) == 1 then discarded[#discarded + 1] = entry end
end
return discarded
`)

/**
 * KEYS stream, waiting, parked, then value and lease of each; ARGV most entries, channel ("" for none), then ID and message of each. Back into the
 * stream, with the id that it has always had. A set keeps its sequence, or an old value would pass for the newest. The cached value goes: the next
 * load adds what waits, or waits for it. Answers how many, -1 where the stream has no room. It begins with XADD, so that a full Redis refuses it whole.
 */
export const retryParked = script(`${append}
if redis.call('XLEN', KEYS[1]) + (#KEYS - 3) / 2 > tonumber(ARGV[1]) then return -1 end
local sequence = nextSequence(KEYS[1])
local retried = 0
for index = 4, #KEYS, 2 do
  local value, id = KEYS[index], ARGV[index - 1]
  local entry = redis.call('XRANGE', KEYS[3], id, id)[1]
  if entry then
    local told, fields = {}, {}
    for at = 1, #entry[2], 2 do
      local name, text = entry[2][at], entry[2][at + 1]
      told[name] = text
      if name == 'q' and text == '' then text = string.match(told.sequence, '^%d+') end
      if name ~= 'reason' and name ~= 'attempts' and name ~= 'sequence' then
        fields[#fields + 1] = name
        fields[#fields + 1] = text
      end
    end
    local added = append(KEYS[1], sequence + retried, unpack(fields))
    if type(added) == 'table' then return added end
    if redis.call('HINCRBY', KEYS[2], value .. ':n', 1) == 1 then
      redis.call('HSET', KEYS[2], value .. ':f', string.format('%.0f', sequence + retried))
    end
    if told.b and string.match(told.b, '^-?%d+$') then redis.call('HINCRBY', KEYS[2], value .. ':s', told.b) end
    if told.q and told.q ~= '' then
      local highest = redis.call('HGET', KEYS[2], value .. ':q')
      if not highest or tonumber(told.q) > tonumber(highest) then redis.call('HSET', KEYS[2], value .. ':q', told.q) end
    end
    redis.call('UNLINK', value)
    -- What its holder read is older. A counter's loader adds what waits, and may go on.
    if told.v then redis.call('DEL', KEYS[index + 1]) end
    redis.call('XDEL', KEYS[3], id)
    if ARGV[2] ~= '' then redis.pcall('PUBLISH', ARGV[2], ARGV[index]) end
    retried = retried + 1
  end
end
return retried
`)
