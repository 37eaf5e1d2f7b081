-- finish: how an attempt ends its run and its result is published. It uses reply.
--
-- A message contains replies with a "\30" between them.
local TOGETHER = 1048576 -- bytes of replies from which on a message is sent

local replies, bytes = {}, 0 -- by API process, not sent yet

-- announce publishes the collected replies, one message for each API process. command
-- is PUBLISH, or SPUBLISH on a Cluster.
local function announce(command)
	for process, list in pairs(replies) do send(command, process, table.concat(list, "\30")) end
	replies, bytes = {}, 0
end

-- gather adds a reply to the messages of API processes.
local function gather(command, processes, reply)
	for process in string.gmatch(processes, "[^,]+") do
		local list = replies[process]
		if list then list[#list+1] = reply else replies[process] = {reply} end
	end
	bytes = bytes + #reply
	if bytes > TOGETHER then announce(command) end
end

-- finishRun stores the outcome of the attempt whose values begin at ARGV[i]: run id,
-- fence, state, output or the reference to its pieces, error, steps. run is the key of
-- the run, and r contains its fields state, fence, reply, started, at, early and worker.
-- It returns 1 when the attempt has ended its run, also for a repeated call, and 0 for a
-- stale fence.
local function finishRun(run, r, i, us, command, worker)
	if executes(r[1], r[2], ARGV[i+1], r[7], worker) then
		local id, failure = ARGV[i], ARGV[i+4]
		call("HSET", run, "state", ARGV[i+2], "output", ARGV[i+3], "steps", ARGV[i+5], "finished", us)
		if failure ~= "" then call("HSET", run, "error", failure) end
		if r[3] and r[3] ~= "" then
			local output, complete = ARGV[i+3], "1"
			if r[6] or string.sub(output, 1, 1) == "#" then -- the API process reads an early response, and pieces, from the record
				output, complete = "", "0"
			end
			gather(command, r[3], replyOf(id, ARGV[i+2], complete, r[5], r[4], us, failure, output))
		end
		return 1
	end
	-- A repeated call: only the attempt that has ended a run has its fence.
	return r[1] and not live(r[1]) and r[2] == ARGV[i+1] and r[7] == worker and 1 or 0
end
