-- uses: keys run turns advance resume
-- park ends an attempt without ending its run, until a time or a callback wakes the
-- run. The time until then does not count towards its limit, except for a retry of a run
-- with a waiting caller, and for a run that must not outlive its caller.
--
-- KEYS[1] due
-- ARGV[1] run id  ARGV[2] fence that must hold  ARGV[3] ms until it wakes
-- ARGV[4] what its steps did (JSON), "" for nothing  ARGV[5] worker of the attempt
-- ARGV[6] how a run that has failed retries (JSON), else "": record, the field retry of the run; remove and set, as in
-- lib/resume.lua
-- ARGV[7] "1" for a run that must not outlive its caller: it wakes at its deadline at the latest
--
-- Returns 1, also for a repeated call, or 0 for a stale fence.
local id, run = ARGV[1], RUN .. ARGV[1]
local r = call("HMGET", run, "state", "fence", "deadline", "called", "worker", "turn")
if r[1] == "waiting" and r[2] == ARGV[2] and r[5] == ARGV[5] then return 1 end
if not executes(r[1], r[2], ARGV[2], r[5], ARGV[5]) then return 0 end

local now = clock()
local wake = now + ARGV[3]
if r[4] then -- the callback arrived while the run was running, see callback.lua
	wake = now
	call("HDEL", run, "called")
end
call("HSET", run, "state", "waiting")
if ARGV[4] ~= "" then call("HSET", run, "steps", ARGV[4]) end
local retry = ARGV[6] ~= "" and cjson.decode(ARGV[6])
if retry then
	call("HSET", run, "retry", retry.record)
	amend(OURS .. "journal:" .. id, retry)
end
if r[3] and ARGV[7] == "1" then
	wake = math.min(wake, r[3])
elseif r[3] and not (retry and r[6] and parseTurn(r[6]) == "w") then
	call("HSET", run, "limit", whole(math.max(1, r[3] - now)))
	call("HDEL", run, "deadline")
end
lookAt(id, wake)
leaveWorker(taskOf(id, ARGV[2]), r[5], true)
leaveFlight(id, r[6])
advance()
return 1
