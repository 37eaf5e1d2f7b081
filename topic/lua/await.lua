-- await registers a step that waits for an event. A repetition keeps the beginning of the wait.
--
-- KEYS[1] shapes  KEYS[2] waiting
-- ARGV[1] shape  ARGV[2] the step  ARGV[3] end of the wait in unix ms
-- ARGV[4] maximum of shapes  ARGV[5] maximum of steps  ARGV[6] the longest wait in ms
--
-- Returns "" when it is registered, "shapes" or "full" when there are too many.

local call = redis.call
local time = call("TIME")
local now = time[1] * 1000000 + time[2]
local ends = tonumber(ARGV[3])
local function whole(n) return string.format("%.0f", n) end

call("ZREMRANGEBYSCORE", KEYS[1], "-inf", whole(math.floor(now / 1000)))
local known = call("ZSCORE", KEYS[1], ARGV[1])
if not known and call("ZCARD", KEYS[1]) >= tonumber(ARGV[4]) then return "shapes" end
call("ZREMRANGEBYSCORE", KEYS[2], "-inf", whole(now - ARGV[6] * 1000)) -- of runs that were cancelled
if not call("ZSCORE", KEYS[2], ARGV[2]) then
	if call("ZCARD", KEYS[2]) >= tonumber(ARGV[5]) then return "full" end
	call("ZADD", KEYS[2], whole(now), ARGV[2])
end
if not known or tonumber(known) < ends then call("ZADD", KEYS[1], whole(ends), ARGV[1]) end
local lives = math.max(1, ends - math.floor(now / 1000))
for _, key in ipairs(KEYS) do
	if call("PTTL", key) < lives then call("PEXPIRE", key, whole(lives)) end
end
return ""
