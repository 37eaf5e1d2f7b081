-- states tells where runs are whose results have not come: a reply may have
-- been lost with a connection.
--
-- KEYS[1] due (names the slot)
-- ARGV[1] run prefix, then run ids
--
-- Returns for each run its state, "" when there is no such run, "answered"
-- when it goes on but has answered its caller.
local out = {}
for i = 2, #ARGV do
	local r = redis.call("HMGET", ARGV[1] .. ARGV[i], "state", "early", "finished")
	out[#out+1] = r[2] and not r[3] and "answered" or r[1] or ""
end
return out
