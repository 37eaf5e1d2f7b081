-- uses: keys run reply
-- attach adds an API process to those that wait for a run, unless the run has ended.
--
-- KEYS[1] due
-- ARGV[1] run id  ARGV[2] the API process
--
-- Returns the state of the run, "" when there is no such run. The result of a run
-- that has ended is read from its record.
local r = call("HMGET", RUN .. ARGV[1], "state", "reply")
if live(r[1]) then subscribe(RUN .. ARGV[1], r[2], ARGV[2]) end
return r[1] or ""
