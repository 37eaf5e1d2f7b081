-- park lets go of a run until a moment or a call wakes it; no worker holds it.
--
-- KEYS[1] run  KEYS[2] due  KEYS[3] active  KEYS[4] task lease
-- ARGV[1] run id  ARGV[2] fence that must hold  ARGV[3] wake at, unix ms
-- ARGV[4] task prefix  ARGV[5] task id
--
-- Returns 1, or 0 for a stale fence.
local r = redis.call("HMGET", KEYS[1], "state", "fence")
if r[1] ~= "running" or r[2] ~= ARGV[2] then return 0 end
redis.call("HSET", KEYS[1], "state", "waiting")
redis.call("ZADD", KEYS[2], ARGV[3], ARGV[1])
redis.call("LREM", KEYS[3], 1, ARGV[5])
redis.call("ZREM", KEYS[4], ARGV[5])
redis.call("DEL", ARGV[4] .. ARGV[5])
return 1
