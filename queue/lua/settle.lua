-- uses: keys run turns advance settle
-- settle does the remaining work for runs that have ended: it removes their tasks from
-- asynq, adds them to the index, those that failed also to the stream of failed runs, and
-- moves runs in line up. A run that has not ended is not changed, and settling a run again
-- has no effect.
--
-- KEYS[1] due
-- ARGV[1] asynq's day, as in its keys  ARGV[2] expiry of the day's counts, unix seconds
-- then two for each run: run id, "1" when beat may have made it visible to asynq, otherwise ""
--
-- Returns how many were settled, and whether runs are in line (more than 0).
local seen = {}

for i = 3, #ARGV, 2 do
	local id = ARGV[i]
	local r = not seen[id] and call("HMGET", RUN .. id, "state", "fence", "worker", "at", "stopped", "turn", "gated", "gates")
	seen[id] = true
	if r and not r[1] then
		call("ZREM", DUE, id) -- its record was deleted
	elseif r and not live(r[1]) then
		leave(id, r[5] and r[2] - 1 or r[2], r[3], r[6], ARGV[i+1])
		if r[7] then call("SREM", OURS .. "gated:" .. r[7], id) end
		for gate in string.gmatch(r[8] or "", "[^,]+") do -- places that the worker did not release
			call("ZREM", OURS .. "gate:" .. gate .. ":inside", id)
			call("ZREM", OURS .. "gate:" .. gate .. ":line", id)
		end
		enterIndex(id, r[1], r[4])
	end
end
local standing = settleAll(ARGV[1], ARGV[2])
return {#ended, standing}
