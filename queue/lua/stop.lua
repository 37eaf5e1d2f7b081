-- uses: keys run reply turns advance window
-- stop ends a run from outside: it was cancelled, exceeded its deadline with no worker
-- to end it, or has lost too many workers. It increases the fence, so that a worker
-- that still executes the run can change nothing. The task of a queued run remains in
-- its list until a claim drops it, because the cost of searching it would grow with
-- the list; asynq's tools fail on a listed task that is not stored.
--
-- KEYS[1] due
-- ARGV[1] run id  ARGV[2] fence that must hold, "" for any  ARGV[3] new state
-- ARGV[4] error (JSON)  ARGV[5] PUBLISH or SPUBLISH  ARGV[6] the only API process whose callers may wait for it, "" for any
--
-- Returns the previous state of the run, "" when there is no such run. Nothing changes
-- when that state is terminal, the fence does not hold, or callers of another process wait.
local id, run = ARGV[1], RUN .. ARGV[1]
local r = call("HMGET", run, "state", "fence", "reply", "at", "started", "early", "worker", "turn", "window", "gated")
local state = r[1]
if not state then return "" end
if not live(state) then return state end
local fence = fenceOf(state, r[2])
if ARGV[2] ~= "" and tonumber(ARGV[2]) ~= fence then return state end
if ARGV[6] ~= "" and r[3] ~= ARGV[6] then return state end

local _, us = clock()
local task = taskOf(id, fence)
local attempts = state == "queued" and fence - 1 or fence
call("HSET", run, "state", ARGV[3], "fence", whole(fence + 1), "stopped", whole(attempts), "error", ARGV[4], "finished", us)
send(ARGV[5], r[3], replyOf(id, ARGV[3], r[6] and "0" or "1", r[4], r[5], us, ARGV[4], ""))
if state == "queued" then
	if r[8] then leaveLine(task, r[8]) end
	if call("HGET", TASK .. task, "state") == "aggregating" then call("DEL", TASK .. task) end
elseif state == "running" then
	leaveWorker(task, r[7], true)
elseif r[9] then
	closeWindow(id, r[9], r[10])
end
leaveFlight(id, r[8])
advance()
lookAt(id, 0) -- the reconciler settles it
return state
