-- fail counts a failed proof and sets how long the next one must wait: nothing
-- for the first few, then twice as long with each, up to a maximum.
--
-- KEYS[1] hash of n and until (ms)
-- ARGV[1] failures that are free  ARGV[2] longest wait in ms
-- ARGV[3] ms for which failures are remembered
--
-- Returns the wait in ms.
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local over = redis.call("HINCRBY", KEYS[1], "n", 1) - tonumber(ARGV[1])
redis.call("PEXPIRE", KEYS[1], ARGV[3])
if over <= 0 then return 0 end
local wait = math.min(1000 * 2 ^ math.min(over - 1, 30), tonumber(ARGV[2]))
redis.call("HSET", KEYS[1], "until", string.format("%d", now + wait))
return wait
