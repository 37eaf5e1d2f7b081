-- Opens a capture, unless there are too many.
--
-- KEYS 1 captures  2 capture, see keys.go
-- ARGV 1 name of the capture in KEYS[1]  2 its first element, JSON  3 its length in ms  4 maximum number of captures
--      5 maximum length of a capture in ms
-- returns 1; 0: there are too many
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[4]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('RPUSH', KEYS[2], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1
