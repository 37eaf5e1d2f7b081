-- claim takes tasks for a worker and begins their runs in the same step.
--
-- KEYS[1] pending  KEYS[2] paused  KEYS[3] active  KEYS[4] task lease  KEYS[5] inbox  KEYS[6] workers
-- ARGV[1] task lease expiry, unix seconds  ARGV[2] task prefix  ARGV[3] most tasks
-- ARGV[4] run prefix  ARGV[5] worker id
-- ARGV[6] "1" when an earlier answer to this worker may have been lost, then
-- the ids of the tasks that it has
--
-- Returns nil when there is nothing; "paused" or "dead" when there was
-- something that this worker must not take now; else eight values for each
-- task: its id, message ("" for a task of ours, which says
-- nothing that its id does not), verdict, and, when the verdict is the new fence, the
-- moments of acceptance and of this start (unix microseconds), the deadline
-- (unix ms), spec, event. Verdicts: "task" (not a run of ours), "stale" (a run
-- that this task may not begin any more), the fence, or "=" and the fence for
-- a run that had begun in an answer that was lost.
local call = redis.call

-- giveBack returns what is in the inbox to the head of the queue.
local function giveBack(why)
	local held = nil
	while true do
		local id = call("RPOP", KEYS[5])
		if not id then return held end
		call("RPUSH", KEYS[1], id)
		held = why
	end
end

if call("EXISTS", KEYS[2]) == 1 then return giveBack("paused") end
-- A worker that is not listed was declared dead, while it was stopped: nobody
-- would miss what it took.
if not call("ZSCORE", KEYS[6], ARGV[5]) then return giveBack("dead") end

local time = call("TIME")
local us = time[1] .. string.format("%06d", time[2])
local ms = time[1] * 1000 + math.floor(time[2] / 1000)
local out = {}

-- begin takes a run. It gets no entry among asynq's leases: its worker's life
-- is its lease, and beat adds one for asynq's tools when it runs long.
local function begin(id, attempt)
	local key = ARGV[4] .. string.sub(id, 1, 36)
	local r = call("HMGET", key, "state", "fence", "at", "deadline", "limit", "spec", "event")
	if r[1] ~= "queued" or tonumber(r[2] or "0") + 1 ~= tonumber(attempt) then
		call("ZADD", KEYS[4], ARGV[1], id)
		return "stale", "", "", "", "", ""
	end
	local deadline = r[4]
	if deadline then
		call("HSET", key, "state", "running", "fence", attempt, "worker", ARGV[5], "started", us)
	else
		deadline = string.format("%d", ms + r[5])
		call("HSET", key, "state", "running", "fence", attempt, "worker", ARGV[5], "started", us, "deadline", deadline)
	end
	return attempt, r[3], us, deadline, r[6], r[7]
end

local function put(...)
	local n, values = #out, {...}
	for i = 1, 8 do out[n+i] = values[i] end
end

-- take adds a task to the answer, and forgets one that was deleted while it
-- was pending. A run does not need its task: asynq's tools do not delete runs.
-- That it is active its task says when it lasts, see beat.
local function take(id)
	local task, attempt, message = ARGV[2] .. id, string.match(id, "%.(%d+)$", 37), ""
	if not attempt then
		message = call("HGET", task, "msg")
		if not message then
			call("LREM", KEYS[3], 1, id)
			return
		end
		call("ZADD", KEYS[4], ARGV[1], id)
		call("HSET", task, "state", "active")
	end
	if attempt then
		put(id, message, begin(id, attempt))
	else
		put(id, message, "task", "", "", "", "", "")
	end
end

-- again finds the runs that this worker began and does not know of.
local function again()
	local has = {}
	for i = 7, #ARGV do has[ARGV[i]] = true end
	for _, id in ipairs(call("LRANGE", KEYS[3], 0, -1)) do
		local attempt = string.match(id, "%.(%d+)$", 37)
		local key = ARGV[4] .. string.sub(id, 1, 36)
		local r = attempt and not has[id] and call("HMGET", key, "state", "fence", "worker", "at", "deadline", "spec", "event")
		if r and r[1] == "running" and r[2] == attempt and r[3] == ARGV[5] then
			call("HSET", key, "started", us)
			put(id, "", "=" .. attempt, r[4], us, r[5], r[6], r[7])
		end
	end
end

local most = tonumber(ARGV[3])
if ARGV[6] == "1" then again() end
for _, source in ipairs({KEYS[5], KEYS[1]}) do
	local ids = most > 0 and call("RPOP", source, most)
	if ids then
		call("LPUSH", KEYS[3], unpack(ids))
		for _, id in ipairs(ids) do take(id) end
		most = most - #ids
	end
end
if #out == 0 then return nil end
return out
