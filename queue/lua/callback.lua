-- uses: keys run
-- callback stores the result of a step that waits for a callback, and makes its run
-- due. Only the first callback of a step is stored.
--
-- KEYS[1] due
-- ARGV[1] run id  ARGV[2] step key  ARGV[3] "r" and the result that the step gets
--
-- Returns "none" when there is no such run, "over" when it has ended, "again" when
-- the step has a result; otherwise the fence when the run is parked, else "".
local run, journal = RUN .. ARGV[1], OURS .. "journal:" .. ARGV[1]
local r = call("HMGET", run, "state", "fence")
if not r[1] then return "none" end
if not live(r[1]) then return "over" end
local known = call("HGET", journal, ARGV[2])
if known and string.sub(known, 1, 1) == "r" then return "again" end
call("HSET", journal, ARGV[2], ARGV[3])
if r[1] ~= "waiting" then
	call("HSET", run, "called", "1") -- park then wakes it at once
	return ""
end
lookAt(ARGV[1], 0) -- the reconciler requeues it if the caller cannot
return r[2] or "0"
