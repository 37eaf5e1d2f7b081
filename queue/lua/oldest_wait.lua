-- uses: keys
-- oldest_wait returns how long the next pending task has waited while no worker
-- can take it.
--
-- KEYS[1] due
--
-- Returns milliseconds by Redis' clock, 0 when no task is pending, or when a worker is
-- alive and the queue is not paused.
if call("ZCARD", OURS .. "workers") > 0 and call("EXISTS", ASYNQ .. "paused") == 0 then return 0 end
local task = call("LINDEX", ASYNQ .. "pending", -1)
local since = task and call("HGET", TASK .. task, "pending_since")
if not since then return 0 end
local time = call("TIME")
return math.max(0, math.floor(time[1] * 1000 + time[2] / 1000 - tonumber(since) / 1000000))
