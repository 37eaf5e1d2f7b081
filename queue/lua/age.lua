-- age tells how long the task has waited that a worker takes next.
--
-- KEYS[1] pending
-- ARGV[1] task prefix
--
-- Returns milliseconds of Redis' clock, 0 when nothing is pending.
local id = redis.call("LINDEX", KEYS[1], -1)
local since = id and redis.call("HGET", ARGV[1] .. id, "pending_since")
if not since then return 0 end
local time = redis.call("TIME")
return math.max(0, math.floor(time[1] * 1000 + time[2] / 1000 - tonumber(since) / 1000000))
