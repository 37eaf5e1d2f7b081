-- settle: what is left to do when runs have ended. It uses turns and advance.
local over = {} -- runs that are not due any more
local tasks, workers, old = {}, {}, {} -- of the attempts that leave their workers
local ended, index, failed = {}, {}, 0 -- of the runs that go into the index

-- leave takes a run's last attempt off its worker. isOld: it is near the end of
-- asynq's list of active tasks.
local function leave(id, fence, worker, turn, isOld)
	local n = #tasks + 1
	tasks[n], workers[n], old[n] = taskOf(id, fence), worker, isOld
	leaveFlight(id, turn)
end

-- enterIndex puts a run into the index, once.
local function enterIndex(id, state, at)
	local n = #ended + 1
	over[#over+1], ended[n] = id, id
	index[2*n-1], index[2*n] = string.sub(at, 1, -4), id -- unix ms
	if state == "failed" or state == "timed_out" then failed = failed + 1 end
end

-- count adds to one of asynq's figures: of the day, and of all time.
local function count(figure, n, day, expiry)
	local today = ASYNQ .. figure .. ":" .. day
	if call("INCRBY", today, n) == n then call("EXPIREAT", today, expiry) end
	call("INCRBY", ASYNQ .. figure, n)
end

-- settleAll writes what leave and enterIndex were told, and lets those in line
-- move up. day is asynq's, as in its keys, expiry that of the day's counts. It
-- returns whether flows are in line (more than 0).
local function settleAll(day, expiry)
	if #over > 0 then call("ZREM", DUE, unpack(over)) end
	if #tasks > 0 then leaveWorkers(tasks, workers, old) end
	if #ended > 0 then
		call("ZADD", OURS .. "index", unpack(index))
		call("RPUSH", OURS .. "ended", unpack(ended))
		count("processed", #ended, day, expiry)
		if failed > 0 then count("failed", failed, day, expiry) end
	end
	return advance()
end
