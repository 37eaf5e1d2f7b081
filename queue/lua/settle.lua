-- uses: keys run turns advance
-- settle does what is left when runs have ended: it takes their tasks out of
-- asynq, puts them into the index, and lets those that stand in line move up.
-- A run that has not ended is left alone. Doing it again changes nothing.
--
-- KEYS[1] due
-- ARGV[1] asynq's day, as in its keys  ARGV[2] expiry of the day's counts, unix seconds
-- then two for each run: run id, "1" when it lasted
--
-- Returns how many were settled, and whether runs stand in line (more than 0).
local ended, index, failed = {}, {}, 0
local tasks, workers, long = {}, {}, {} -- of the attempts that leave their workers

local ids, due, settled = {}, {}, {} -- due: a run that is not has been settled, and does not count again
for i = 3, #ARGV, 2 do ids[#ids+1] = ARGV[i] end
for n, at in ipairs(call("ZMSCORE", DUE, unpack(ids))) do due[ids[n]] = at end

for n, id in ipairs(ids) do
	local r = call("HMGET", RUN .. id, "state", "fence", "worker", "at", "stopped", "turn", "gated", "gates")
	if not r[1] then
		settled[#settled+1] = id -- its record was deleted
	elseif not live(r[1]) then
		local k = #tasks + 1
		tasks[k], workers[k], long[k] = taskOf(id, r[5] and r[2] - 1 or r[2]), r[3], ARGV[2*n+2] == "1"
		leaveFlight(id, r[6])
		if r[7] then call("SREM", OURS .. "gated:" .. r[7], id) end
		for gate in string.gmatch(r[8] or "", "[^,]+") do -- of a run whose worker did not vacate them
			call("ZREM", OURS .. "gate:" .. gate .. ":inside", id)
			call("ZREM", OURS .. "gate:" .. gate .. ":line", id)
		end
		if due[id] then
			due[id] = nil
			settled[#settled+1] = id
			if r[1] == "failed" or r[1] == "timed_out" then failed = failed + 1 end
			ended[#ended+1] = id
			index[#index+1], index[#index+2] = string.sub(r[4], 1, -4), id -- unix ms
		end
	end
end

if #settled > 0 then call("ZREM", DUE, unpack(settled)) end
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
return {#ended, advance()}
