-- claim takes tasks for a worker and begins their runs in the same step.
--
-- KEYS[1] pending  KEYS[2] paused  KEYS[3] active  KEYS[4] task lease  KEYS[5] inbox  KEYS[6] due
-- ARGV[1] task lease expiry, unix seconds  ARGV[2] task prefix  ARGV[3] most tasks
-- ARGV[4] run prefix  ARGV[5] worker id  ARGV[6] run lease in ms
--
-- Returns nil when there is nothing, 1 when the queue is paused and held
-- something, else eight values for each task: its id, message, verdict, and,
-- when the verdict is the new fence, the moments of acceptance and of this
-- start (unix microseconds), the deadline (unix ms), spec, event. Verdicts:
-- "task" (not a run of ours), "stale" (a run that this task may not begin any
-- more), or the fence.
local call = redis.call
if call("EXISTS", KEYS[2]) == 1 then
	local held = nil
	while true do
		local id = call("RPOP", KEYS[5])
		if not id then return held end
		call("RPUSH", KEYS[1], id)
		held = 1
	end
end

local time = call("TIME")
local us = time[1] .. string.format("%06d", time[2])
local ms = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = string.format("%d", ms + ARGV[6])
local out, taken, source = {}, 0, KEYS[5]

local function begin(id)
	local run, attempt = string.sub(id, 1, 36), string.match(id, "%.(%d+)$", 37)
	if not attempt then return "task", "", "", "", "", "" end
	local key = ARGV[4] .. run
	local r = call("HMGET", key, "state", "fence", "at", "deadline", "limit", "spec", "event")
	if r[1] ~= "queued" or tonumber(r[2] or "0") + 1 ~= tonumber(attempt) then
		return "stale", "", "", "", "", ""
	end
	local deadline = r[4] or string.format("%d", ms + r[5])
	call("HSET", key, "state", "running", "fence", attempt, "worker", ARGV[5], "started", us, "deadline", deadline)
	call("ZADD", KEYS[6], lease, run)
	return attempt, r[3], us, deadline, r[6], r[7]
end

while taken < tonumber(ARGV[3]) do
	local id = call("RPOPLPUSH", source, KEYS[3])
	if id then
		local task = ARGV[2] .. id
		local message = call("HGET", task, "msg")
		if message then
			call("HSET", task, "state", "active")
			call("ZADD", KEYS[4], ARGV[1], id)
			local n = #out
			out[n+1], out[n+2] = id, message
			out[n+3], out[n+4], out[n+5], out[n+6], out[n+7], out[n+8] = begin(id)
			taken = taken + 1
		else
			call("LREM", KEYS[3], 1, id) -- deleted while it was pending
		end
	elseif source == KEYS[5] then
		source = KEYS[1]
	else
		break
	end
end
if taken == 0 then return nil end
return out
