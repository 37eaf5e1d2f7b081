-- uses: keys run
-- callback records what somebody called for a step that waits, and makes the
-- run due. The first call counts.
--
-- KEYS[1] due
-- ARGV[1] run id  ARGV[2] step key  ARGV[3] "r" and the result that the step gets
--
-- Returns "none" for no such run, "over" for one that has ended, "again" when
-- the step has a result; else "", or the fence when the run is parked.
local run, journal = RUN .. ARGV[1], OURS .. "journal:" .. ARGV[1]
local r = call("HMGET", run, "state", "fence")
if not r[1] then return "none" end
if not live(r[1]) then return "over" end
local known = call("HGET", journal, ARGV[2])
if known and string.sub(known, 1, 1) == "r" then return "again" end
call("HSET", journal, ARGV[2], ARGV[3])
if r[1] ~= "waiting" then
	call("HSET", run, "called", "1") -- it must not sleep when it parks
	return ""
end
lookAt(ARGV[1], 0) -- in case its caller cannot requeue it
return r[2] or "0"
