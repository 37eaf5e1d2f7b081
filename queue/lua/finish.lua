-- uses: keys run reply
-- finish stores how attempts ended and tells the API processes that wait. A stale
-- fence changes nothing (I6). What nobody waits for is left to settle.
--
-- KEYS[1] due
-- ARGV[1] largest output sent along with a reply, bytes  ARGV[2] PUBLISH, or SPUBLISH on a Cluster
-- then six for each attempt: run id, fence, state, output, error, steps
--
-- A message is replies with a "\30" between them.
--
-- Returns 1 for each attempt that has ended its run, also for a repeated call,
-- 0 for a stale one.
local TOGETHER = 1048576 -- bytes of replies in one message

local _, us = clock()
local largest = tonumber(ARGV[1])
local out, replies, bytes = {}, {}, 0

-- announce sends what is gathered, one message for each process.
local function announce()
	for process, list in pairs(replies) do send(ARGV[2], process, table.concat(list, "\30")) end
	replies, bytes = {}, 0
end

local function gather(processes, reply)
	for process in string.gmatch(processes, "[^,]+") do
		local list = replies[process]
		if list then list[#list+1] = reply else replies[process] = {reply} end
	end
	bytes = bytes + #reply
	if bytes > TOGETHER then announce() end
end

for i = 3, #ARGV, 6 do
	local id, run = ARGV[i], RUN .. ARGV[i]
	local r = call("HMGET", run, "state", "fence", "reply", "started", "at", "early")
	if executes(r[1], r[2], ARGV[i+1]) then
		out[#out+1] = 1
		call("HSET", run, "state", ARGV[i+2], "output", ARGV[i+3], "error", ARGV[i+4], "steps", ARGV[i+5], "finished", us)
		local output, complete = ARGV[i+3], "1"
		if #output > largest or r[6] then -- what was answered early is in the run
			output, complete = "", "0"
		end
		if r[3] and r[3] ~= "" then gather(r[3], replyOf(id, ARGV[i+2], complete, r[5], r[4], us, ARGV[i+4], output)) end
	elseif r[1] and not live(r[1]) and r[2] == ARGV[i+1] then
		out[#out+1] = 1 -- a repeated call: only the attempt that ended a run has its fence
	else
		out[#out+1] = 0
	end
end
announce()
return out
