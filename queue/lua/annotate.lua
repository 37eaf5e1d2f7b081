-- uses: keys run
-- annotate writes fields of the record of a run that are no part of its state.
--
-- KEYS[1] due
-- ARGV[1] run id  ARGV[2] "1" when only a run that failed or timed out is changed
-- then two for each field: name, value
--
-- Returns the state of the run, "" when there is no such run.
local run = RUN .. ARGV[1]
local state = call("HGET", run, "state")
if not state then return "" end
if ARGV[2] ~= "1" or state == "failed" or state == "timed_out" then
	for i = 3, #ARGV, 2 do call("HSET", run, ARGV[i], ARGV[i+1]) end
	changed(ARGV[1])
end
return state
