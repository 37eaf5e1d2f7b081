-- uses: keys run
-- redeliver starts a session of a worker: from now on claims of earlier sessions take
-- nothing. The reply of a claim was lost; redeliver delivers the same attempts again.
--
-- KEYS[1] due
-- ARGV[1] worker id  ARGV[2] session, then ids of tasks that the worker began and does not have
--
-- Returns "dead" when the worker was declared dead: its runs belong to other workers,
-- and its next beat creates a session. Otherwise, without tasks in ARGV, the ids of all
-- tasks that this worker has begun; with tasks, eight values, as claim, for each whose
-- attempt still belongs to this worker.
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
	if executes(r[1], r[2], attempt, r[3], worker) then
		call("HSET", key, "started", us)
		local v = call("HMGET", key, "at", "deadline", "spec", "event")
		for _, value in ipairs({task, "", attempt, v[1], us, v[2], v[3], v[4]}) do out[#out+1] = value or "" end
	end
end
return out
