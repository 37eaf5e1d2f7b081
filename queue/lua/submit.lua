-- uses: keys run reply repetition turns place resume
-- submit stores runs and enqueues their tasks in one step, in pending or in the lines of their flows.
--
-- KEYS[1] due
-- ARGV[1] the API process whose caller waits, "" for none
-- ARGV[2] "1" for a repeated call, after a lost reply
-- ARGV[3] most runs of one flow that may wait, -1 for any number
-- ARGV[4] longest wait in ms of a run with a waiting caller, -1 for any
-- then twelve for each run:
--   id, task message, spec, event, limit in ms, "1" when the limit
--   counts from now (else from the first start), turn,
--   hash of the idempotency key or "", fingerprint, window in ms, what happens to a
--   repetition: "refuse" rejects it, "again" makes a new run if the first has
--   failed, "tell" returns its id then, "" always attaches it to the first,
--   the run that it continues, see lib/resume.lua, or ""
--
-- Returns one string for each run: "" when it is accepted, also by a repeated call with
-- the same id; the id of the first run, to which this one is attached, or of the last
-- one that continues it; "replayed"; "mismatch"; "full"; "ran" and the id of a first run
-- whose record was removed; "failed" and the id of one that failed; or why the run that
-- it should continue cannot be continued, see notResumable.
local ms, us = clock()
local process, repeated, most, patience = ARGV[1], ARGV[2] == "1", tonumber(ARGV[3]), tonumber(ARGV[4])

local gated = {} -- number of runs that wait at a concurrency limit, by flow

-- full reports whether too many runs of a flow wait, or whether its first run with a
-- waiting caller has waited too long.
local function full(turn)
	local class, flow, _, key = parseTurn(turn)
	if most >= 0 then
		gated[flow] = gated[flow] or call("SCARD", OURS .. "gated:" .. flow)
		if gated[flow] >= most then return true end
	end
	measure()
	if inFlight() < slots then return false end
	local waited, unwaited = ASYNQ .. "g:" .. lineOf("w", flow, key), ASYNQ .. "g:" .. lineOf("u", flow, key)
	if most >= 0 and call("ZCARD", waited) + call("ZCARD", unwaited) >= most then return true end
	if class ~= "w" or patience < 0 then return false end
	local first = call("ZRANGE", waited, 0, 0, "WITHSCORES")
	return first[1] ~= nil and ms - first[2] / 1000 > patience
end

local out, due = {}, {}
for i = 5, #ARGV, 12 do
	local id, run, turn = ARGV[i], RUN .. ARGV[i], ARGV[i+6]
	local guard = ARGV[i+7] ~= "" and OURS .. "guard:" .. ARGV[i+7]
	local held = guard and call("GET", guard)
	local first = held and string.sub(held, 1, ID)
	local answer, replaced = nil, nil -- replaced: the failed run in whose place this one begins
	if first and first ~= id then
		answer, replaced = repetitionOf(first, string.sub(held, ID + 1) == ARGV[i+8], ARGV[i+10], process)
	elseif repeated and call("EXISTS", run) == 1 then
		answer = ""
	end
	local continues = not answer and ARGV[i+11] ~= "" and cjson.decode(ARGV[i+11])
	if continues then answer = notResumable(continues) end
	if not answer and full(turn) then answer = "full" end
	if not answer then
		answer = ""
		local look, field, value = ms + LOOK_AFTER, "limit", ARGV[i+4]
		if ARGV[i+5] == "1" then
			field, value = "deadline", whole(ms + ARGV[i+4])
			look = math.min(look, ms + ARGV[i+4] + 100)
		end
		call("HSET", run, "state", "queued", "spec", ARGV[i+2], "event", ARGV[i+3], "at", us, "reply", process, "turn", turn, field, value)
		if guard then call("SET", guard, id .. ARGV[i+8], "PX", ARGV[i+9]) end
		if replaced then call("HSET", RUN .. replaced, "resumed_by", id) end
		due[#due+1], due[#due+2] = whole(look), id
		place(id, taskOf(id, continues and continueRun(id, continues) or 1), ARGV[i+1], us, turn, us)
	end
	out[#out+1] = answer
end
flush()
if #due > 0 then call("ZADD", DUE, unpack(due)) end
return out
