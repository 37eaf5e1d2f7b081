-- reply: the messages about a run to API processes. A reply is REPLY and eight fields
-- with "\31" before each: id, state, "1" when the fields are the complete result,
-- accepted, started, finished (unix microseconds), error, output. JSON contains no
-- "\31". client_reply.go decodes it.
local REPLY = "r2" -- the format; a reader that does not know it reads the record instead

local function replyOf(id, state, complete, at, started, finished, failure, output)
	return table.concat({REPLY, id, state, complete, at or "", started or "", finished, failure, output}, "\31")
end

-- send publishes a reply to each API process in a comma-separated list. command is
-- PUBLISH, or SPUBLISH on a Cluster.
local function send(command, processes, reply)
	for process in string.gmatch(processes or "", "[^,]+") do
		call(command, OURS .. "reply:" .. process, reply)
	end
end

-- subscribe adds an API process to those that wait for a run.
local function subscribe(run, processes, process)
	if not processes or processes == "" then
		call("HSET", run, "reply", process)
	elseif not string.find("," .. processes .. ",", "," .. process .. ",", 1, true) then
		call("HSET", run, "reply", processes .. "," .. process)
	end
end
