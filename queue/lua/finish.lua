-- finish stores how attempts ended and tells the doors that wait. A stale
-- fence changes nothing (I6). What nobody waits for is left to settle.
--
-- KEYS[1] due (names the slot)
-- ARGV[1] run prefix  ARGV[2] reply prefix  ARGV[3] largest output sent along with a reply, bytes
-- ARGV[4] PUBLISH, or SPUBLISH on a Cluster
-- then six for each attempt: run id, fence, state, output, error, steps
--
-- A message to a door is replies with a "\30" between them; a reply is eight
-- fields with a "\31" between them: id, state, "1" when it is whole, accepted,
-- started, finished (unix microseconds), error, output. JSON holds neither.
--
-- Returns 1 for each attempt that is the run's last word, 0 for a stale one.
local call = redis.call
local time = call("TIME")
local us = time[1] .. string.format("%06d", time[2])
local largest = tonumber(ARGV[3])
local together = 1048576 -- bytes of replies in one message
local out, replies, bytes = {}, {}, 0

-- announce sends what is gathered, one message for each door.
local function announce()
	for door, list in pairs(replies) do
		call(ARGV[4], ARGV[2] .. door, table.concat(list, "\30"))
	end
	replies, bytes = {}, 0
end

local function gather(doors, reply)
	for door in string.gmatch(doors, "[^,]+") do
		local list = replies[door]
		if list then list[#list+1] = reply else replies[door] = {reply} end
	end
	bytes = bytes + #reply
	if bytes > together then announce() end
end

for i = 5, #ARGV, 6 do
	local id, run = ARGV[i], ARGV[1] .. ARGV[i]
	local r = call("HMGET", run, "state", "fence", "reply", "started", "at", "early")
	if r[2] ~= ARGV[i+1] then
		out[#out+1] = 0
	else
		out[#out+1] = 1
		if r[1] == "running" then -- else a repeated call of ours
			call("HSET", run, "state", ARGV[i+2], "output", ARGV[i+3], "error", ARGV[i+4], "steps", ARGV[i+5], "finished", us)
			local output, whole = ARGV[i+3], "1"
			if #output > largest or r[6] then -- what was answered early is in the run
				output, whole = "", "0"
			end
			gather(r[3] or "", table.concat({id, ARGV[i+2], whole, r[5], r[4], us, ARGV[i+4], output}, "\31"))
		end
	end
end
announce()
return out
