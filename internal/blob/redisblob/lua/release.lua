-- Removes an owner with its bytes.
--
-- KEYS 1 owners  2 bytes, see reserve.lua
-- ARGV 1 owner
-- returns 1
local had = tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or '0')
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[1], ARGV[1])
if had ~= 0 then redis.call('HINCRBY', KEYS[2], '*', -had) end
return 1
