-- uses: keys run
-- release removes a run from the holders of a concurrency limit, unless another
-- attempt of it is queued or running, and returns the next runs in line.
--
-- KEYS[1] due
-- ARGV[1] run id  ARGV[2] hash of the limit's key  ARGV[3] places of the limit
--
-- Returns id and fence of the waiting runs for which there is a free place.
local LOOK = 100 -- waiting runs that are read

local holders, waiting = OURS .. "gate:" .. ARGV[2] .. ":inside", OURS .. "gate:" .. ARGV[2] .. ":line"
local state = call("HGET", RUN .. ARGV[1], "state")
if state == "running" or state == "queued" then return {} end
call("ZREM", holders, ARGV[1])
if state ~= "waiting" then call("ZREM", waiting, ARGV[1]) end -- it has ended
local free = tonumber(ARGV[3]) - call("ZCARD", holders)
local out = {}
for _, id in ipairs(call("ZRANGE", waiting, 0, LOOK - 1)) do
	if free <= 0 then break end
	local r = call("HMGET", RUN .. id, "state", "fence")
	if r[1] == "waiting" and id ~= ARGV[1] then
		out[#out+1], out[#out+2] = id, r[2] or "0"
		free = free - 1
	elseif r[1] == "queued" or r[1] == "running" then
		free = free - 1 -- it will acquire the place
	end
end
return out
