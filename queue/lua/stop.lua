-- stop ends a run from outside: it was cancelled, ran past its deadline with
-- nobody to end it, or took down too many workers. The fence moves on, so that
-- a worker which still has the run can change nothing.
--
-- KEYS[1] run  KEYS[2] due  KEYS[3] pending  KEYS[4] active  KEYS[5] task lease
-- ARGV[1] run id  ARGV[2] fence that must hold, "" for any  ARGV[3] new state
-- ARGV[4] error (JSON)  ARGV[5] task prefix  ARGV[6] reply prefix  ARGV[7] PUBLISH or SPUBLISH
--
-- Returns the state that the run had, or "" when there is no such run; nothing
-- changes when that state is terminal or the fence does not hold.
local r = redis.call("HMGET", KEYS[1], "state", "fence", "reply", "at", "started", "early")
local state, fence = r[1], tonumber(r[2] or "0")
if not state then return "" end
if state ~= "queued" and state ~= "running" and state ~= "waiting" then return state end
if ARGV[2] ~= "" and tonumber(ARGV[2]) ~= fence then return state end

local time = redis.call("TIME")
local us = time[1] .. string.format("%06d", time[2])
redis.call("HSET", KEYS[1], "state", ARGV[3], "fence", fence + 1, "stopped", "1", "error", ARGV[4], "finished", us)
local reply = table.concat({ARGV[1], ARGV[3], r[6] and "0" or "1", r[4], r[5] or "", us, ARGV[4], ""}, "\31") -- as in finish
for door in string.gmatch(r[3] or "", "[^,]+") do
	redis.call(ARGV[7], ARGV[6] .. door, reply)
end
-- Its task: of the attempt that was to begin, or of the one that runs.
local task = ARGV[1] .. "." .. string.format("%d", state == "queued" and fence + 1 or fence)
redis.call("LREM", KEYS[state == "queued" and 3 or 4], 1, task)
redis.call("ZREM", KEYS[5], task)
redis.call("DEL", ARGV[5] .. task)
redis.call("ZADD", KEYS[2], 0, ARGV[1]) -- the reconciler settles it
return state
