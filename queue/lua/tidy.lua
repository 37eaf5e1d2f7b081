-- tidy removes runs whose retention is over, with their journals, a bounded
-- number at a time.
--
-- KEYS[1] index
-- ARGV[1] run prefix  ARGV[2] journal prefix  ARGV[3] retention in ms
-- ARGV[4] most runs looked at  ARGV[5] how many of the oldest to pass over
--
-- Returns how many were looked at, and how many of them stay: runs that were
-- accepted long ago and ended lately.
local call = redis.call
local time = call("TIME")
local before = time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[3]
local old = call("ZRANGEBYSCORE", KEYS[1], "-inf", string.format("%d", before), "LIMIT", ARGV[5], ARGV[4])
local ids, gone = {}, {}
for _, id in ipairs(old) do
	local finished = tonumber(call("HGET", ARGV[1] .. id, "finished") or "0")
	if finished < before * 1000 then
		ids[#ids+1] = id
		gone[#gone+1] = ARGV[1] .. id
		gone[#gone+1] = ARGV[2] .. id
	end
end
if #ids > 0 then
	call("UNLINK", unpack(gone))
	call("ZREM", KEYS[1], unpack(ids))
end
return {#old, #old - #ids}
