-- repetition: what a submission gets whose idempotency key belongs to an earlier run. It uses reply.
local CONTINUED = 100 -- runs that continue each other and are looked through

-- repetitionOf returns the reply for a submission with the idempotency key of the run first; nil: it becomes a run of its own,
-- and the second result is the run in whose place it begins: one that failed, or was cancelled because its caller left. same: the fingerprints are equal. how is what happens to a
-- repetition, as in submit.lua. process is the API process whose caller waits, "" for none.
local function repetitionOf(first, same, how, process)
	if not same then return "mismatch" end
	if how == "refuse" then return "replayed" end
	local r = call("HMGET", RUN .. first, "state", "reply", "resumed_by", "error")
	if not r[1] then return "ran" .. first end
	for _ = 1, CONTINUED do
		local next = r[3] and call("HMGET", RUN .. r[3], "state", "reply", "resumed_by", "error")
		if not next or not next[1] then break end
		first, r = r[3], next
	end
	if r[1] == "cancelled" and string.find(r[4] or "", '"code":"caller_left"', 1, true) then return nil, first end
	if r[1] == "failed" or r[1] == "timed_out" then
		if how == "again" then return nil, first end
		if how == "tell" then return "failed" .. first end
	end
	if process ~= "" then subscribe(RUN .. first, r[2], process) end
	return first
end
