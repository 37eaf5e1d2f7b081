-- uses: keys
-- resume_flow ends a pause of a flow on one queue: from now on park_paused admits its
-- runs. It removes waiting runs from the line of the pause, in the order of acceptance.
--
-- KEYS[1] due
-- ARGV[1] flow  ARGV[2] the pause, by its beginning in unix ms  ARGV[3] most runs
--
-- Returns id and fence of each removed run; empty when none is left.
call("HSET", OURS .. "resumed", ARGV[1], ARGV[2])
local line, out = OURS .. "held:" .. ARGV[1], {}
while #out == 0 do
	local first = call("ZPOPMIN", line, ARGV[3])
	if #first == 0 then break end
	for i = 1, #first, 2 do
		local r = call("HMGET", RUN .. first[i], "state", "fence")
		if r[1] == "waiting" then out[#out+1], out[#out+2] = first[i], r[2] or "0" end
	end
end
return out
