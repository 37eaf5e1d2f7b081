-- uses: keys run
-- claim takes tasks for a worker and begins their runs.
--
-- KEYS[1] due
-- ARGV[1] worker id  ARGV[2] session: a number that grows with each lost reply, see redeliver
-- ARGV[3] list to take from: "pending" or "express"  ARGV[4] most tasks
-- ARGV[5] task lease expiry, unix seconds
--
-- Returns nil when there is no task; "paused", "dead" or "old" when there was a task
-- that this worker, or this session of it, may not take now; otherwise eight values for
-- each task: its id, message ("" for a task that carries a run, because its id says the
-- same), verdict, and, when the verdict is the fence, the times of acceptance and of
-- this start (unix microseconds), the deadline (unix ms), spec, event. The verdict
-- "task" means that the task carries no run.
local GHOSTS = 256 -- tasks read in one call, including those of stopped runs, which are dropped

local worker, most = ARGV[1], tonumber(ARGV[4])
local inbox = OURS .. "inbox:" .. worker .. ":" .. ARGV[3]
local source = (ARGV[3] == "express" and OURS or ASYNQ) .. ARGV[3]

-- giveBack returns the tasks in the inbox to the head of their list, and why if there were any.
local function giveBack(why)
	local kept = nil
	while true do
		local id = call("RPOP", inbox)
		if not id then return kept end
		call("RPUSH", source, id)
		kept = why
	end
end

if call("EXISTS", ASYNQ .. "paused") == 1 then return giveBack("paused") end
-- A worker without a session was declared dead: no other worker would recover the runs
-- that it took. A call of an earlier session arrives late, and nothing reads its reply.
local session = call("HGET", OURS .. "sessions", worker)
if not session then return giveBack("dead") end
if tonumber(ARGV[2]) < tonumber(session) then return giveBack("old") end

local ms, us = clock()
local out, begun = {}, {}

local function put(task, message, verdict, at, started, deadline, spec, event)
	local n = #out
	out[n+1], out[n+2], out[n+3], out[n+4] = task, message, verdict, at or ""
	out[n+5], out[n+6], out[n+7], out[n+8] = started or "", deadline or "", spec or "", event or ""
end

-- begin begins a run. It makes no entry in asynq's list of active tasks and in its lease
-- set: the heartbeat of the worker is the lease, and beat adds the entries for asynq's
-- tools when the run lasts. A run of an earlier version has a fence one below its next
-- attempt.
local function begin(task, attempt)
	local id = string.sub(task, 1, ID)
	local key = RUN .. id
	local r = call("HMGET", key, "state", "fence", "at", "deadline", "limit", "spec", "event")
	local behind = r[1] == "queued" and tonumber(attempt) - fenceOf(r[1], r[2])
	if behind ~= 0 and behind ~= 1 then return call("DEL", TASK .. task) end -- the run was stopped, or the task is of another attempt
	local deadline = r[4] or whole(ms + r[5])
	call("HSET", key, "state", "running", "fence", attempt, "worker", worker, "started", us, "deadline", deadline)
	begun[#begun+1] = "0"
	begun[#begun+1] = worker .. " " .. task
	put(task, "", attempt, r[3], us, deadline, r[6], r[7])
end

-- take begins the run of a task, or claims a task that carries no run for asynq, unless
-- the task was deleted while it was pending.
local function take(task)
	local attempt = string.match(task, "%.(%d+)$", ID + 1)
	if attempt then return begin(task, attempt) end
	local message = call("HGET", TASK .. task, "msg")
	if not message then return end
	call("LPUSH", ASYNQ .. "active", task)
	call("ZADD", ASYNQ .. "lease", ARGV[5], task)
	call("HSET", TASK .. task, "state", "active")
	put(task, message, "task")
end

local looked = 0
for _, list in ipairs({inbox, source}) do
	while #out < most * 8 and looked < GHOSTS do
		local tasks = call("RPOP", list, most - #out / 8)
		if not tasks then break end
		looked = looked + #tasks
		for _, task in ipairs(tasks) do take(task) end
	end
end
if #begun > 0 then call("ZADD", OURS .. "begun", unpack(begun)) end
if #out == 0 then return nil end
return out
