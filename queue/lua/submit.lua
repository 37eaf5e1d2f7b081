-- submit stores runs and puts their tasks into the queue: both or neither.
--
-- KEYS[1] pending  KEYS[2] due
-- ARGV[1] run prefix  ARGV[2] task prefix  ARGV[3] guard prefix
-- ARGV[4] this door's id, "" when nobody waits
-- ARGV[5] "1" when the call is repeated, its answer having been lost
-- then eleven for each run:
--   id, task id, task message, spec, event, limit in ms, "1" when the limit
--   counts from now (else from the first start),
--   guard hash or "", fingerprint, window in ms, what a repetition is: "refuse"
--   it, "again" a new run if the first has failed, "" always attached to it
--
-- Returns one string for each run: "" accepted (also when it had been, by the
-- same id: a repeated call is not a second run), the id of the first run that
-- this one is attached to, "replayed" or "mismatch".
local LOOK_AFTER = 15000 -- ms until the reconciler makes sure that the task is still there

local call = redis.call
local time = call("TIME")
local us = time[1] .. string.format("%06d", time[2])
local ms = time[1] * 1000 + math.floor(time[2] / 1000)
local out, due, tasks = {}, {}, {}

-- attach adds this door to those that wait for a run.
local function attach(run)
	if ARGV[4] == "" then return end
	local reply = call("HGET", run, "reply")
	if not reply or reply == "" then
		call("HSET", run, "reply", ARGV[4])
	elseif not string.find("," .. reply .. ",", "," .. ARGV[4] .. ",", 1, true) then
		call("HSET", run, "reply", reply .. "," .. ARGV[4])
	end
end

for i = 6, #ARGV, 11 do
	local id, run = ARGV[i], ARGV[1] .. ARGV[i]
	local guard = ARGV[i+7] ~= "" and ARGV[3] .. ARGV[i+7]
	local held = guard and call("GET", guard)
	local first = held and string.sub(held, 1, 36)
	local answer = nil
	if first and first ~= id then
		if string.sub(held, 37) ~= ARGV[i+8] then
			answer = "mismatch"
		elseif ARGV[i+10] == "refuse" then
			answer = "replayed"
		else
			local state = call("HGET", ARGV[1] .. first, "state")
			if state and not (ARGV[i+10] == "again" and (state == "failed" or state == "timed_out")) then
				attach(ARGV[1] .. first)
				answer = first
			end
		end
	elseif ARGV[5] == "1" and call("EXISTS", run) == 1 then
		answer = ""
	end
	if not answer then
		answer = ""
		local look, field, value = ms + LOOK_AFTER, "limit", ARGV[i+5]
		if ARGV[i+6] == "1" then
			field, value = "deadline", string.format("%d", ms + ARGV[i+5])
			look = math.min(look, ms + ARGV[i+5] + 100)
		end
		call("HSET", run, "state", "queued", "spec", ARGV[i+3], "event", ARGV[i+4], "at", us, "reply", ARGV[4], field, value)
		if guard then
			call("SET", guard, id .. ARGV[i+8], "PX", ARGV[i+9])
		end
		call("HSET", ARGV[2] .. ARGV[i+1], "msg", ARGV[i+2], "state", "pending", "pending_since", us .. "000")
		due[#due+1] = string.format("%d", look)
		due[#due+1] = id
		tasks[#tasks+1] = ARGV[i+1]
	end
	out[#out+1] = answer
end
if #tasks > 0 then
	call("ZADD", KEYS[2], unpack(due))
	call("LPUSH", KEYS[1], unpack(tasks))
end
return out
