-- uses: keys run reply
-- attach adds an API process to those that wait for a run which goes on.
--
-- KEYS[1] due
-- ARGV[1] run id  ARGV[2] the API process
--
-- Returns the run's state, "" when there is no such run. No process is added to
-- a run that has ended: its result is there to be read.
local r = call("HMGET", RUN .. ARGV[1], "state", "reply")
if live(r[1]) then subscribe(RUN .. ARGV[1], r[2], ARGV[2]) end
return r[1] or ""
