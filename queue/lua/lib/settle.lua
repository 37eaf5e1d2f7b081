-- settle: the work that remains when runs have ended. It uses turns and advance.
local ended, at, failed = {}, {}, {} -- runs to add to the index, when each was accepted (unix ms), and which failed
local MOST_FAILED = 100000 -- entries of the stream of failed runs, about

-- leave removes the last attempt of a run from its worker. visible is "1" when beat may
-- have made the attempt visible to asynq, otherwise "".
local function leave(id, fence, worker, turn, visible)
	leaveWorker(taskOf(id, fence), worker, visible == "1")
	leaveFlight(id, turn)
end

-- enterIndex adds a run to the index, unless it is there. accepted is in microseconds.
local function enterIndex(id, state, accepted)
	local n = #ended + 1
	ended[n], at[n] = id, string.sub(accepted, 1, -4)
	if state == "failed" or state == "timed_out" then failed[id] = true end
end

-- count adds to one of asynq's counters: that of the day and the total.
local function count(figure, n, day, expiry)
	local today = ASYNQ .. figure .. ":" .. day
	if call("INCRBY", today, n) == n then call("EXPIREAT", today, expiry) end
	call("INCRBY", ASYNQ .. figure, n)
end

-- dropSettled drops the runs that are in the index, which were settled before.
local function dropSettled()
	local new, times = {}, {}
	for n, id in ipairs(ended) do
		if not call("ZSCORE", OURS .. "index", id) then new[#new+1], times[#times+1] = id, at[n] end
	end
	ended, at = new, times
end

-- settleAll writes the changes of leave and enterIndex and moves runs in line up. day is
-- the day in asynq's keys, expiry that of its counters. It returns whether flows are in
-- line (more than 0).
local function settleAll(day, expiry)
	if #ended > 0 and call("ZREM", DUE, unpack(ended)) < #ended then dropSettled() end
	if #ended > 0 then
		local index, failures = {}, 0
		for n, id in ipairs(ended) do
			index[2*n-1], index[2*n] = at[n], id
			if failed[id] then
				failures = failures + 1
				call("XADD", OURS .. "failed", "MAXLEN", "~", whole(MOST_FAILED), "*", "run", id)
			end
		end
		call("ZADD", OURS .. "index", unpack(index))
		call("RPUSH", OURS .. "ended", unpack(ended))
		count("processed", #ended, day, expiry)
		if failures > 0 then count("failed", failures, day, expiry) end
	end
	return advance()
end
