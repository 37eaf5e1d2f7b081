-- uses: keys run
-- resume starts a session of a worker: from now on claims of earlier ones take
-- nothing. It begins again the runs that this worker was given in a reply that
-- was lost.
--
-- KEYS[1] due
-- ARGV[1] worker id  ARGV[2] session, then ids of tasks that the worker began and does not have
--
-- Returns "dead" when the worker was declared dead: what it began is another's, and its next beat makes
-- a session. Without tasks, the ids of all that this worker began; with tasks, eight
-- values for each run of theirs that is still this worker's, as claim does.
local worker = ARGV[1]
if not call("HGET", OURS .. "sessions", worker) then return "dead" end
call("HSET", OURS .. "sessions", worker, ARGV[2])
if #ARGV == 2 then
	local tasks = {}
	for i, member in ipairs(call("ZRANGEBYLEX", OURS .. "begun", "[" .. worker .. " ", "(" .. worker .. "!")) do
		tasks[i] = string.sub(member, #worker + 2)
	end
	return tasks
end
local _, us = clock()
local out = {}
for i = 3, #ARGV do
	local task = ARGV[i]
	local key, attempt = RUN .. string.sub(task, 1, ID), string.sub(task, ID + 2)
	local r = call("HMGET", key, "state", "fence", "worker")
	if executes(r[1], r[2], attempt) and r[3] == worker then
		call("HSET", key, "started", us)
		local v = call("HMGET", key, "at", "deadline", "spec", "event")
		for _, value in ipairs({task, "", attempt, v[1], us, v[2], v[3], v[4]}) do out[#out+1] = value or "" end
	end
end
return out
