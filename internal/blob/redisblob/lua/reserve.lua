-- Counts bytes of an owner, unless all owners together would have more than allowed.
--
-- KEYS 1 owners  ZSET of owners by the time of their latest write, unix milliseconds
--      2 bytes   HASH of owners to their bytes; "*" is the sum
-- ARGV 1 owner  2 bytes, negative: given back  3 maximum of all  4 now, unix milliseconds
-- returns 1; 0: the store is full
local owner, n, most, now = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local had = tonumber(redis.call('HGET', KEYS[2], owner) or '0')
if n < 0 then
  if had == 0 then return 1 end -- the owner was deleted meanwhile
  n = math.max(n, -had)
else
  local all = tonumber(redis.call('HGET', KEYS[2], '*') or '0')
  if all + n > most then return 0 end
  redis.call('ZADD', KEYS[1], now, owner)
end
redis.call('HINCRBY', KEYS[2], owner, n)
redis.call('HINCRBY', KEYS[2], '*', n)
return 1
