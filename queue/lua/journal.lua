-- uses: keys run
-- journal stores an entry for an effect of a run, if the fence holds.
--
-- KEYS[1] due
-- ARGV[1] run id  ARGV[2] fence that must hold  ARGV[3] step key  ARGV[4] what to record:
-- "s" and a random mark for a start, "p" for a piece of a result, or "r" and the result
-- ARGV[5] worker of the attempt
--
-- Returns the previous entry of the effect, "" for none, or nil for a stale fence. A
-- result is never replaced.
local r = call("HMGET", RUN .. ARGV[1], "state", "fence", "worker")
if not executes(r[1], r[2], ARGV[2], r[3], ARGV[5]) then return nil end
local journal = OURS .. "journal:" .. ARGV[1]
local known = call("HGET", journal, ARGV[3]) or ""
if string.sub(known, 1, 1) ~= "r" then call("HSET", journal, ARGV[3], ARGV[4]) end
return known
