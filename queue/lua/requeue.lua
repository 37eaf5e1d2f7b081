-- requeue gives a run its next attempt: a new task in the place of the old one,
-- at the head of the queue, or at its end.
--
-- KEYS[1] pending  KEYS[2] due  KEYS[3] active  KEYS[4] task lease  KEYS[5] paused (names the slot)
-- ARGV[1] run key  ARGV[2] run id  ARGV[3] fence that must hold  ARGV[4] state that must hold
-- ARGV[5] task prefix  ARGV[6] old task id  ARGV[7] new task id  ARGV[8] new task message
-- ARGV[9] "1" when the attempt was lost to a crash  ARGV[10] most crashes
-- ARGV[11] "1" for the end of the queue
--
-- Returns 1 done, 0 the run has moved on, 2 refused: too many crashes.
local LOOK_AFTER = 15000 -- ms, as in submit

local r = redis.call("HMGET", ARGV[1], "state", "fence", "crashes")
if r[1] ~= ARGV[4] or (r[2] or "0") ~= ARGV[3] then
	return 0
end
if ARGV[9] == "1" then
	if tonumber(r[3] or "0") + 1 >= tonumber(ARGV[10]) then return 2 end
	redis.call("HINCRBY", ARGV[1], "crashes", 1)
end
local time = redis.call("TIME")
redis.call("LREM", KEYS[3], 1, ARGV[6])
redis.call("ZREM", KEYS[4], ARGV[6])
redis.call("DEL", ARGV[5] .. ARGV[6])
redis.call("HSET", ARGV[1], "state", "queued")
redis.call("ZADD", KEYS[2], string.format("%d", time[1] * 1000 + LOOK_AFTER), ARGV[2])
redis.call("HSET", ARGV[5] .. ARGV[7], "msg", ARGV[8], "state", "pending", "pending_since", time[1] .. string.format("%06d000", time[2]))
if ARGV[6] == ARGV[7] then redis.call("LREM", KEYS[1], -1, ARGV[7]) end -- a repeated call: once is enough
redis.call(ARGV[11] == "1" and "LPUSH" or "RPUSH", KEYS[1], ARGV[7])
return 1
