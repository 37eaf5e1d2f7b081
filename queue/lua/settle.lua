-- uses: keys run turns
-- settle does what is left when runs have ended: it takes their tasks out of
-- asynq, puts them into the index, and lets those that stand in line move up.
-- A run that has not ended is left alone. Doing it again changes nothing.
--
-- KEYS[1] due
-- ARGV[1] asynq's day, as in its keys  ARGV[2] expiry of the day's counts, unix seconds
-- then two for each run: run id, "1" when it lasted
--
-- Returns how many were settled, and whether runs stand in line (more than 0).
local _, us = clock()
local ended, index, failed = {}, {}, 0
local tasks, workers, long = {}, {}, {} -- of the attempts that leave their workers

for i = 3, #ARGV, 2 do
	local id = ARGV[i]
	local r = call("HMGET", RUN .. id, "state", "fence", "worker", "at", "stopped", "turn", "gated", "gates")
	if not r[1] then
		call("ZREM", DUE, id) -- its record was deleted
	elseif not live(r[1]) then
		local fence = tonumber(r[2])
		local n = #tasks + 1
		tasks[n], workers[n], long[n] = taskOf(id, r[5] and fence - 1 or fence), r[3], ARGV[i+1] == "1"
		leaveFlight(id, r[6])
		if r[7] then call("SREM", OURS .. "gated:" .. r[7], id) end
		for gate in string.gmatch(r[8] or "", "[^,]+") do -- of a run whose worker did not vacate them
			call("ZREM", OURS .. "gate:" .. gate .. ":inside", id)
			call("ZREM", OURS .. "gate:" .. gate .. ":line", id)
		end
		if call("ZREM", DUE, id) == 1 then
			if r[1] == "failed" or r[1] == "timed_out" then failed = failed + 1 end
			ended[#ended+1] = id
			index[#index+1], index[#index+2] = math.floor(r[4] / 1000), id
		end
	end
end

if #tasks > 0 then leaveWorkers(tasks, workers, long) end

-- count adds to one of asynq's figures: of the day, and of all time.
local function count(figure, n)
	local day = ASYNQ .. figure .. ":" .. ARGV[1]
	if call("INCRBY", day, n) == n then call("EXPIREAT", day, ARGV[2]) end
	call("INCRBY", ASYNQ .. figure, n)
end

if #ended > 0 then
	call("ZADD", OURS .. "index", unpack(index))
	call("RPUSH", OURS .. "ended", unpack(ended))
	count("processed", #ended)
	if failed > 0 then count("failed", failed) end
end
advance(us)
return {#ended, call("EXISTS", OURS .. "turns:w", OURS .. "turns:u")}
