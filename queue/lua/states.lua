-- states tells where runs are whose results have not come: a reply may have
-- been lost with a connection.
--
-- KEYS[1] due (names the slot)
-- ARGV[1] run prefix, then run ids
--
-- Returns for each run its state, "" when there is no such run.
local out = {}
for i = 2, #ARGV do
	out[#out+1] = redis.call("HGET", ARGV[1] .. ARGV[i], "state") or ""
end
return out
