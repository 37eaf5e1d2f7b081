-- finish stores how attempts ended, tells the doors that wait, and settles:
-- takes the task out of asynq and gives the run its retention. A stale fence
-- changes nothing (I6).
--
-- KEYS[1] active  KEYS[2] task lease  KEYS[3] due  KEYS[4] index
-- KEYS[5] processed of today  KEYS[6] processed
-- ARGV[1] run prefix  ARGV[2] task prefix  ARGV[3] reply prefix  ARGV[4] journal prefix
-- ARGV[5] retention in ms  ARGV[6] expiry of today's count, unix seconds
-- ARGV[7] largest output sent along with a reply, bytes
-- then nine for each attempt:
--   run id, fence, task id, what to do: "f" finish, "s" settle, "fs" both, with
--   "j" when there is a journal to expire, state, output, error, steps, accepted (unix ms)
--
-- Returns 1 for each attempt that is the run's last word, 0 for a stale one.
local time = redis.call("TIME")
local us = time[1] .. string.format("%06d", time[2])
local out, done = {}, 0

-- announce sends the result to every door that waits for the run.
local function announce(doors, i, started, at)
	local output = ARGV[i+5]
	local whole = "1"
	if #output > tonumber(ARGV[7]) then
		output, whole = "", "0"
	end
	for door in string.gmatch(doors, "[^,]+") do
		redis.call("XADD", ARGV[3] .. door, "NOMKSTREAM", "*", "id", ARGV[i], "state", ARGV[i+4],
			"output", output, "error", ARGV[i+6], "at", at, "started", started, "finished", us, "whole", whole)
	end
end

local function finish(i)
	local run = ARGV[1] .. ARGV[i]
	local r = redis.call("HMGET", run, "state", "fence", "reply", "started", "at")
	if r[2] ~= ARGV[i+1] then return 0 end
	if r[1] ~= "running" then return 1 end -- a repeated call of ours
	redis.call("HSET", run, "state", ARGV[i+4], "output", ARGV[i+5], "error", ARGV[i+6], "steps", ARGV[i+7], "finished", us)
	announce(r[3] or "", i, r[4], r[5])
	return 1
end

local function settle(i, last)
	local task = ARGV[i+2]
	redis.call("LREM", KEYS[1], 1, task)
	redis.call("ZREM", KEYS[2], task)
	if redis.call("DEL", ARGV[2] .. task) == 1 then done = done + 1 end
	if last == 1 then
		redis.call("ZREM", KEYS[3], ARGV[i])
		redis.call("ZADD", KEYS[4], ARGV[i+8], ARGV[i])
		redis.call("PEXPIRE", ARGV[1] .. ARGV[i], ARGV[5])
		if string.find(ARGV[i+3], "j", 1, true) then
			redis.call("PEXPIRE", ARGV[4] .. ARGV[i], 60000)
		end
	end
end

for i = 8, #ARGV, 9 do
	local last = 1
	if string.find(ARGV[i+3], "f", 1, true) then last = finish(i) end
	if string.find(ARGV[i+3], "s", 1, true) then settle(i, last) end
	out[#out+1] = last
end
if done > 0 then
	if redis.call("INCRBY", KEYS[5], done) == done then
		redis.call("EXPIREAT", KEYS[5], ARGV[6])
	end
	redis.call("INCRBY", KEYS[6], done)
end
return out
