-- park lets go of a run until a moment or a call wakes it; no worker holds it.
-- The time until then does not count towards its limit.
--
-- KEYS[1] run  KEYS[2] due  KEYS[3] active  KEYS[4] task lease
-- ARGV[1] run id  ARGV[2] fence that must hold  ARGV[3] ms until it wakes  ARGV[4] task prefix
-- ARGV[5] task id  ARGV[6] what its steps did (JSON), "" for nothing
--
-- Returns 1, also for a repeated call, or 0 for a stale fence.
local call = redis.call
local r = call("HMGET", KEYS[1], "state", "fence", "deadline", "called")
if r[2] ~= ARGV[2] then return 0 end
if r[1] == "waiting" then return 1 end
if r[1] ~= "running" then return 0 end

local time = call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local wake = now + ARGV[3]
if r[4] then -- what it waits for came while it was still running, see callback
	wake = now
	call("HDEL", KEYS[1], "called")
end
call("HSET", KEYS[1], "state", "waiting")
if ARGV[6] ~= "" then call("HSET", KEYS[1], "steps", ARGV[6]) end
if r[3] then
	call("HSET", KEYS[1], "limit", string.format("%.0f", math.max(1, r[3] - now)))
	call("HDEL", KEYS[1], "deadline")
end
call("ZADD", KEYS[2], string.format("%.0f", wake), ARGV[1])
call("LREM", KEYS[3], 1, ARGV[5])
call("ZREM", KEYS[4], ARGV[5])
call("DEL", ARGV[4] .. ARGV[5])
return 1
