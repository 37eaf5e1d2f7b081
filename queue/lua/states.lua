-- uses: keys
-- states returns the states of runs whose replies are overdue, since a reply may
-- have been lost with a connection.
--
-- KEYS[1] due
-- ARGV run ids
--
-- Returns for each run its state, "" when there is no such run, "answered" when it
-- has not ended but has an early response.
local out = {}
for i, id in ipairs(ARGV) do
	local r = call("HMGET", RUN .. id, "state", "early", "finished")
	out[i] = r[2] and not r[3] and "answered" or r[1] or ""
end
return out
