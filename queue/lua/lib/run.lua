-- run: the state machine of a run. docs/decisions/0006-one-state-machine.md
-- has the table of what each script returns in each state.
--
-- The fence of a run is the number of an attempt. In the state "queued" it is
-- the next attempt, in "running" the current one, in "waiting" the one that parked
-- the run (0: none yet). A run that has ended keeps the fence of the attempt that
-- ended it; a run that was stopped from outside has the next number, which no attempt
-- gets. A stored run without a fence has had no attempt.
local LOOK_AFTER = 15000 -- ms until the reconciler checks a healthy run again

local function whole(n) return string.format("%d", n) end

local nowMs, nowUs -- the time of this call; nil until clock is called

-- clock returns Redis' time in whole milliseconds, and in microseconds as text.
local function clock()
	if not nowMs then
		local time = call("TIME")
		nowMs, nowUs = time[1] * 1000 + math.floor(time[2] / 1000), time[1] .. string.format("%06d", time[2])
	end
	return nowMs, nowUs
end

local function live(state) return state == "queued" or state == "running" or state == "waiting" end

local function fenceOf(state, stored)
	return tonumber(stored) or (state == "queued" and 1 or 0)
end

-- executes reports whether an attempt of a worker is the current one of its run. Only the
-- current attempt may write. When Redis fails over to a replica that lags behind, a second
-- worker may begin the same attempt: of is the worker in the record.
local function executes(state, stored, fence, of, worker)
	return state == "running" and stored == fence and of == worker
end

local function taskOf(id, fence) return id .. "." .. fence end

-- lookAt makes a run due at a time. Only settle and complete remove a run from due,
-- after its end: until then the reconciler finds it.
local function lookAt(id, ms) call("ZADD", DUE, whole(ms), id) end

local leavingBegun, leavingKeys = {}, {} -- what leaveWorkers deletes

-- leaveWorker removes an attempt from the running attempts of its worker and from asynq.
-- visible: beat may have made it visible to asynq. leaveWorkers writes the rest.
local function leaveWorker(task, worker, visible)
	local n = #leavingKeys + 1
	leavingBegun[n], leavingKeys[n] = (worker or "") .. " " .. task, TASK .. task
	if visible then
		call("ZREM", ASYNQ .. "lease", task)
		call("LREM", ASYNQ .. "active", "-1", task) -- from the end, where the oldest are
	end
end

local function leaveWorkers()
	if #leavingKeys == 0 then return end
	call("ZREM", OURS .. "begun", unpack(leavingBegun))
	call("DEL", unpack(leavingKeys))
end

-- changed notes that the record of an ended run has changed after the history may have
-- copied it, so that it is copied again. A run that is not settled yet will be copied.
local function changed(id)
	if not call("ZSCORE", OURS .. "index", id) then return end
	local _, us = clock()
	call("HSET", RUN .. id, "changed", us)
	call("RPUSH", OURS .. "ended", id)
end
