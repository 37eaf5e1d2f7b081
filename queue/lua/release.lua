-- uses: keys run
-- vacate releases a run's place at a concurrency limit, unless another attempt of it goes
-- on, and says which runs come next.
--
-- KEYS[1] due
-- ARGV[1] run id  ARGV[2] hash of the limit's key  ARGV[3] most runs inside
--
-- Returns id and fence of the runs in line for which there is a place now.
local LOOK = 100 -- runs in line that are looked at

local inside, line = OURS .. "gate:" .. ARGV[2] .. ":inside", OURS .. "gate:" .. ARGV[2] .. ":line"
local state = call("HGET", RUN .. ARGV[1], "state")
if state == "running" or state == "queued" then return {} end
call("ZREM", inside, ARGV[1])
if state ~= "waiting" then call("ZREM", line, ARGV[1]) end -- it has ended
local free = tonumber(ARGV[3]) - call("ZCARD", inside)
local out = {}
for _, id in ipairs(call("ZRANGE", line, 0, LOOK - 1)) do
	if free <= 0 then break end
	local r = call("HMGET", RUN .. id, "state", "fence")
	if r[1] == "waiting" and id ~= ARGV[1] then
		out[#out+1], out[#out+2] = id, r[2] or "0"
		free = free - 1
	elseif r[1] == "queued" or r[1] == "running" then
		free = free - 1 -- it is on its way
	end
end
return out
