-- uses: keys
-- release ends a pause of a flow on one queue: from now on hold lets its runs
-- in. It takes runs out of the line, the first accepted first.
--
-- KEYS[1] due
-- ARGV[1] flow  ARGV[2] the pause, by its beginning in unix ms  ARGV[3] most runs
--
-- Returns id and fence of each; nothing: there are no more.
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
