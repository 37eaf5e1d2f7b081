-- uses: keys run turns advance
-- park_paused parks a run of a paused flow until resume_flow. A run that has executed
-- steps before is admitted, so that begun runs are completed.
--
-- KEYS[1] due
-- ARGV[1] run id  ARGV[2] fence that must hold  ARGV[3] flow  ARGV[4] the pause, by its beginning in unix ms
-- ARGV[5] worker of the attempt
--
-- Returns "parked"; "in" when the run may execute, also when that pause is over and
-- the worker does not know it yet; "lost" for a stale fence.
local LOOK = 300000 -- ms, 5 min, after which a run is woken to check whether its flow is still paused

local id, run, line = ARGV[1], RUN .. ARGV[1], OURS .. "held:" .. ARGV[3]
local r = call("HMGET", run, "state", "fence", "at", "deadline", "limit", "steps", "worker", "turn")
if r[1] == "waiting" and r[2] == ARGV[2] and r[7] == ARGV[5] and call("ZSCORE", line, id) then return "parked" end -- a repeated call
if not executes(r[1], r[2], ARGV[2], r[7], ARGV[5]) then return "lost" end
if r[6] or call("HGET", OURS .. "resumed", ARGV[3]) == ARGV[4] then return "in" end

local now = clock()
local wake = now + LOOK
if r[5] then
	call("HDEL", run, "deadline") -- its limit counts from its first start
else
	wake = math.min(wake, r[4] + 100)
end
call("HSET", run, "state", "waiting")
call("ZADD", line, r[3], id)
lookAt(id, wake)
leaveWorker(taskOf(id, ARGV[2]), r[7], true)
leaveFlight(id, r[8])
advance()
return "parked"
