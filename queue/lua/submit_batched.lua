-- uses: keys run reply repetition turns window
-- submit_batched adds an event to the run that collects the events of its key, or stores a new run for it. The run waits until
-- it has enough events, or for a while.
--
-- KEYS[1] due
-- ARGV[1] id of a new run  ARGV[2] spec of it  ARGV[3] event, as an entry of the batch (JSON)  ARGV[4] limit in ms  ARGV[5] turn
-- ARGV[6] hash of the idempotency key  ARGV[7] fingerprint  ARGV[8] window in ms
-- ARGV[9] what happens to a repetition, as in submit
-- ARGV[10] most runs of one flow that may wait, -1 for any number
-- ARGV[11] hash of the batch key  ARGV[12] ms until the run begins  ARGV[13] events with which it begins at once
-- ARGV[14] most bytes of a batch with several events
--
-- Returns "", the run that has the event, and the run that has enough events, whose next attempt may be enqueued, or "";
-- otherwise what submit returns, and two empty texts.
local hash, entry = ARGV[11], ARGV[3]
local ms, us = clock()
local _, flow = parseTurn(ARGV[5])
local guard = OURS .. "guard:" .. ARGV[6]
local held = call("GET", guard)
if held then
	local answer = repetitionOf(string.sub(held, 1, ID), string.sub(held, ID + 1) == ARGV[7], ARGV[9], "")
	if answer then return {answer, "", ""} end
	-- The events of a failed batch are collected again one by one: the run that has this one does not continue that batch.
end

local ready = ""
-- complete makes a run begin.
local function complete(id)
	call("DEL", WINDOW .. hash)
	lookAt(id, 0) -- the reconciler enqueues it if the caller cannot
	ready = id
end

-- shareWith makes a run whose events are of several principals a run of none of them: each could otherwise read what others sent.
-- The principal is the fourth field of a spec, see run_spec.go.
local PRINCIPAL = "^([^\31]*\31[^\31]*\31[^\31]*\31)([^\31]*)"
local function shareWith(spec, id)
	local stored = call("HGET", RUN .. id, "spec")
	local _, sender = string.match(spec, PRINCIPAL)
	local before, owner = string.match(stored, PRINCIPAL)
	if owner ~= "" and owner ~= sender then
		call("HSET", RUN .. id, "spec", before .. string.sub(stored, #before + #owner + 1))
	end
end

local id = collecting(hash)
local bytes = id and call("STRLEN", BATCH .. id) or 0
if id and bytes + #entry >= tonumber(ARGV[14]) then
	complete(id)
	id, bytes = nil, 0
end
if not id then
	local most = tonumber(ARGV[10])
	if most >= 0 and call("SCARD", OURS .. "gated:" .. flow) >= most then return {"full", "", ""} end
	id = ARGV[1]
	call("HSET", RUN .. id, "state", "waiting", "spec", ARGV[2], "event", "", "at", us, "reply", "", "limit", ARGV[4], "turn", ARGV[5])
	openWindow(id, hash, ms, ms + ARGV[12], "", flow)
else
	shareWith(ARGV[2], id)
end
call("APPEND", BATCH .. id, (bytes > 0 and "," or "") .. entry)
call("SET", guard, id .. ARGV[7], "PX", ARGV[8])
if call("HINCRBY", RUN .. id, "events", 1) >= tonumber(ARGV[13]) then complete(id) end
return {"", id, ready}
