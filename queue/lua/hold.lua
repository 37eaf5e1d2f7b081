-- hold parks a run of a paused flow until the flow is resumed, see release.
-- A run that was parked half-way before goes on: what has begun is finished.
--
-- KEYS[1] run  KEYS[2] resumed  KEYS[3] line  KEYS[4] due  KEYS[5] active  KEYS[6] task lease
-- ARGV[1] run id  ARGV[2] fence that must hold  ARGV[3] flow  ARGV[4] which pause
-- ARGV[5] task prefix  ARGV[6] task id
--
-- Returns "parked", and no worker holds it; "in": it executes, also when that
-- pause is over and its worker has not heard of it yet; "lost" for a stale fence.
local LOOK = 300000 -- ms, 5 min, after which a run looks by itself whether it is still held

local call = redis.call
local r = call("HMGET", KEYS[1], "state", "fence", "at", "deadline", "limit", "steps")
if r[1] == "waiting" and r[2] == ARGV[2] and call("ZSCORE", KEYS[3], ARGV[1]) then return "parked" end -- a repeated call
if r[1] ~= "running" or r[2] ~= ARGV[2] then return "lost" end
if r[6] or call("HGET", KEYS[2], ARGV[3]) == ARGV[4] then return "in" end

local time = call("TIME")
local wake = time[1] * 1000 + math.floor(time[2] / 1000) + LOOK
if r[5] then
	call("HDEL", KEYS[1], "deadline") -- its time counts from when it begins
else
	wake = math.min(wake, r[4] + 100)
end
call("HSET", KEYS[1], "state", "waiting")
call("ZADD", KEYS[3], r[3], ARGV[1])
call("ZADD", KEYS[4], string.format("%d", wake), ARGV[1])
call("LREM", KEYS[5], 1, ARGV[6])
call("ZREM", KEYS[6], ARGV[6])
call("DEL", ARGV[5] .. ARGV[6])
return "parked"
