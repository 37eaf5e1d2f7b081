-- Opens a capture, unless there are too many.
--
-- KEYS 1 captures  2 captures of the principal  3 capture, see keys.go
-- ARGV 1 name of the capture in KEYS[1] and KEYS[2]  2 its first element, JSON  3 its length in ms
--      4 maximum length of a capture in ms  5 maximum number of captures  6 likewise, of the principal
-- returns 1; 0: there are too many; -1: the principal has too many
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 1, 2 do redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now) end
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[6]) then return -1 end
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[5]) then return 0 end
for i = 1, 2 do
  redis.call('ZADD', KEYS[i], now + ARGV[3], ARGV[1])
  redis.call('PEXPIRE', KEYS[i], ARGV[4])
end
redis.call('RPUSH', KEYS[3], ARGV[2])
redis.call('PEXPIRE', KEYS[3], ARGV[3])
return 1
