-- run: the state machine of a run. docs/decisions/0006-one-state-machine.md
-- has the table of what each script answers in each state.
--
-- The fence of a run is the number of an attempt. In the state "queued" it is
-- the attempt to come, in "running" the one that executes, in "waiting" the one
-- that parked the run (0: none yet); a run that has ended keeps the fence of the
-- attempt that ended it, and one that was stopped from outside has moved on to
-- the next number, which no attempt gets. A stored run without a fence has had
-- no attempt.
local LOOK_AFTER = 15000 -- ms until the reconciler looks at a healthy run again
local MOST_ACTIVE = 1000 -- runs in asynq's list of active tasks, so that leaving it costs no more than this

local function whole(n) return string.format("%.0f", n) end

-- clock returns Redis' time in whole milliseconds, and in microseconds as text.
local function clock()
	local time = call("TIME")
	return time[1] * 1000 + math.floor(time[2] / 1000), time[1] .. string.format("%06d", time[2])
end

local function live(state) return state == "queued" or state == "running" or state == "waiting" end

local function fenceOf(state, stored)
	return tonumber(stored) or (state == "queued" and 1 or 0)
end

-- executes tells whether an attempt is the one that executes its run: only then
-- may it write.
local function executes(state, stored, fence)
	return state == "running" and stored == fence
end

local function taskOf(id, fence)
	if type(fence) == "number" then fence = whole(fence) end
	return id .. "." .. fence
end

-- lookAt makes a run due at a moment. Only settle takes a run out of due, after
-- its end: until then the reconciler finds it.
local function lookAt(id, ms) call("ZADD", DUE, whole(ms), id) end

-- leaveWorkers takes attempts off their workers' lists and out of asynq, with one
-- command for all where there is one. old says of each that it is near the end
-- of asynq's list, where the oldest are.
local function leaveWorkers(tasks, workers, old)
	local begun, keys = {}, {}
	for i, task in ipairs(tasks) do
		begun[i], keys[i] = (workers[i] or "") .. " " .. task, TASK .. task
		call("LREM", ASYNQ .. "active", old[i] and -1 or 1, task)
	end
	call("ZREM", OURS .. "begun", unpack(begun))
	call("ZREM", ASYNQ .. "lease", unpack(tasks))
	call("DEL", unpack(keys))
end

local function leaveWorker(task, worker, old) leaveWorkers({task}, {worker}, {old}) end
