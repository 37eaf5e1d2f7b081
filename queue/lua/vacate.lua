-- vacate gives up a run's place at a gate, unless another attempt of it goes
-- on, and says who comes next.
--
-- KEYS[1] inside  KEYS[2] line
-- ARGV[1] run id  ARGV[2] most runs inside  ARGV[3] run prefix
--
-- Returns id and fence of the runs in line for which there is a place now.
local LOOK = 100 -- runs in line that are looked at

local state = redis.call("HGET", ARGV[3] .. ARGV[1], "state")
if state == "running" or state == "queued" then return {} end
redis.call("ZREM", KEYS[1], ARGV[1])
if state ~= "waiting" then redis.call("ZREM", KEYS[2], ARGV[1]) end -- it has ended
local free = tonumber(ARGV[2]) - redis.call("ZCARD", KEYS[1])
local out = {}
for _, id in ipairs(redis.call("ZRANGE", KEYS[2], 0, LOOK - 1)) do
	if free <= 0 then break end
	local r = redis.call("HMGET", ARGV[3] .. id, "state", "fence")
	if r[1] == "waiting" and id ~= ARGV[1] then
		out[#out+1], out[#out+2] = id, r[2]
		free = free - 1
	elseif r[1] == "queued" or r[1] == "running" then
		free = free - 1 -- it is on its way
	end
end
return out
