-- uses: keys run turns place window
-- requeue enqueues the next attempt of a run: it increases the fence and replaces the
-- task. For a queued run whose task is gone, it enqueues the task of the same attempt
-- again. A run that collects events collects no more.
--
-- KEYS[1] due
-- ARGV[1] run id  ARGV[2] fence that must hold  ARGV[3] live state that must hold
-- ARGV[4] message of the task  ARGV[5] "1" when the attempt was lost with its worker  ARGV[6] most crashes
-- ARGV[7] "1" for the end of the queue, else its head
-- ARGV[8] worker that must execute the run; "" for any
--
-- Returns 1 done, 0 when the state or the fence does not hold, 2 when the run has lost
-- too many workers.
local id, run = ARGV[1], RUN .. ARGV[1]
local r = call("HMGET", run, "state", "fence", "crashes", "worker", "at", "turn", "deadline", "window", "gated")
local fence = fenceOf(r[1], r[2])
if r[1] ~= ARGV[3] or whole(fence) ~= ARGV[2] or ARGV[8] ~= "" and r[4] ~= ARGV[8] then return 0 end
if ARGV[5] == "1" then
	if tonumber(r[3] or "0") + 1 >= tonumber(ARGV[6]) then return 2 end
	call("HINCRBY", run, "crashes", 1)
end
local ms, us = clock()
local turn = r[6] or nil
if r[1] == "queued" then
	if call("HGET", TASK .. taskOf(id, fence), "state") == "pending" then return 1 end -- a repeated call
	if turn then leaveLine(taskOf(id, fence), turn) end
else
	if r[1] == "running" then
		leaveWorker(taskOf(id, fence), r[4], true)
		leaveWorkers()
	end
	if r[8] then closeWindow(id, r[8], r[9]) end
	fence = fence + 1
	call("HSET", run, "state", "queued", "fence", whole(fence))
end
local look = ms + LOOK_AFTER
if r[7] then look = math.min(look, r[7] + 100) end
lookAt(id, look)
if r[1] == "waiting" then
	place(id, taskOf(id, fence), ARGV[4], us, turn, r[5], ARGV[7] ~= "1")
else -- the run is in flight already
	measure()
	call("HSET", TASK .. taskOf(id, fence), "msg", ARGV[4], "state", "pending", "pending_since", us .. "000")
	admit(id, taskOf(id, fence), turn and select(2, parseTurn(turn)), ARGV[7] == "1" and "pending" or "front")
end
flush()
return 1
