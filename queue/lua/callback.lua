-- callback records what somebody called for a step that waits, and makes the
-- run due. The first call counts.
--
-- KEYS[1] run  KEYS[2] journal  KEYS[3] due
-- ARGV[1] run id  ARGV[2] step key  ARGV[3] "r" and the result that the step gets
--
-- Returns "none" for no such run, "over" for one that has ended, "again" when
-- the step has a result; else "", or the fence when the run is parked.
local call = redis.call
local r = call("HMGET", KEYS[1], "state", "fence")
local state = r[1]
if not state then return "none" end
if state ~= "queued" and state ~= "running" and state ~= "waiting" then return "over" end
local known = call("HGET", KEYS[2], ARGV[2])
if known and string.sub(known, 1, 1) == "r" then return "again" end
call("HSET", KEYS[2], ARGV[2], ARGV[3])
if state ~= "waiting" then
	call("HSET", KEYS[1], "called", "1") -- it must not sleep when it parks
	return ""
end
call("ZADD", KEYS[3], 0, ARGV[1]) -- should nobody requeue it
return r[2] or "0"
