-- take claims flows with due times, so that one worker decides on each.
--
-- KEYS[1] marks  KEYS[2] claims
-- ARGV[1] worker  ARGV[2] milliseconds until the claims expire, then flow numbers
--
-- Returns the unix milliseconds of this clock, then for each flow its mark, ""
-- when it has none, or "-" when another worker is deciding on it.
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local out = {string.format("%d", now)}
for i = 3, #ARGV do
	local claim = redis.call("HGET", KEYS[2], ARGV[i])
	local till, by = string.match(claim or "", "^(%d+) (.*)$")
	if till and tonumber(till) > now and by ~= ARGV[1] then
		out[#out+1] = "-"
	else
		redis.call("HSET", KEYS[2], ARGV[i], string.format("%d %s", now + ARGV[2], ARGV[1]))
		out[#out+1] = redis.call("HGET", KEYS[1], ARGV[i]) or ""
	end
end
return out
