-- release ends a pause of a flow on one queue: from now on hold lets its runs
-- in. It takes runs out of line, the first accepted first.
--
-- KEYS[1] resumed  KEYS[2] line
-- ARGV[1] flow  ARGV[2] which pause  ARGV[3] most runs  ARGV[4] run prefix
--
-- Returns id and fence of each; nothing: there are no more.
redis.call("HSET", KEYS[1], ARGV[1], ARGV[2])
local out = {}
while #out == 0 do
	local first = redis.call("ZPOPMIN", KEYS[2], ARGV[3])
	if #first == 0 then break end
	for i = 1, #first, 2 do
		local r = redis.call("HMGET", ARGV[4] .. first[i], "state", "fence")
		if r[1] == "waiting" then out[#out+1], out[#out+2] = first[i], r[2] end
	end
end
return out
