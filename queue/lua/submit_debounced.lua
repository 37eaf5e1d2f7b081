-- uses: keys run reply repetition turns advance settle window
-- submit_debounced stores a run that waits until no further event of its key has come for a while. It ends the run of the key
-- that waits already, in whose place it begins.
--
-- KEYS[1] due
-- ARGV[1] run id  ARGV[2] spec  ARGV[3] event  ARGV[4] limit in ms  ARGV[5] turn
-- ARGV[6] hash of the idempotency key, "" for none  ARGV[7] fingerprint  ARGV[8] window in ms
-- ARGV[9] what happens to a repetition, as in submit
-- ARGV[10] most runs of one flow that may wait, -1 for any number
-- ARGV[11] hash of the debounce key  ARGV[12] ms until it begins  ARGV[13] most ms from the first event of the key until
-- then, -1 for any
-- ARGV[14] error of the run that is replaced (JSON)  ARGV[15] PUBLISH or SPUBLISH
-- ARGV[16] asynq's day, as in its keys  ARGV[17] expiry of the day's counts, unix seconds
--
-- Returns "", the run, and "", also for a repeated call; otherwise what submit returns, and two empty texts.
local id, run, hash = ARGV[1], RUN .. ARGV[1], ARGV[11]
local ms, us = clock()
local _, flow = parseTurn(ARGV[5])
local guard = ARGV[6] ~= "" and OURS .. "guard:" .. ARGV[6]
local held = guard and call("GET", guard)
local first = held and string.sub(held, 1, ID)
local newest = OURS .. "newest:" .. hash
local latest = call("GET", newest)

-- remember notes the newest event of the key, for as long as the idempotency key of any event of it is known.
local function remember(value)
	local ttl = math.max(call("PTTL", newest), tonumber(ARGV[8]) or 0)
	if ttl > 0 then call("SET", newest, value, "PX", whole(ttl)) end
end

-- superseded reports whether a later event of the key has come, and the run of this one was replaced, continued or failed:
-- then it begins and continues nothing.
local function superseded()
	if not latest or string.sub(latest, ID + 1) == ARGV[6] or ARGV[9] == "refuse" then return false end
	local r = call("HMGET", RUN .. first, "state", "resumed_by")
	return r[2] or ARGV[9] ~= "" and (r[1] == "failed" or r[1] == "timed_out")
end

local retried = nil
if first and first ~= id then
	local how = ARGV[9]
	if superseded() then
		first, how = string.sub(latest, 1, ID), ""
	elseif latest then
		remember(latest)
	end
	local answer, failed = repetitionOf(first, string.sub(held, ID + 1) == ARGV[7], how, "")
	if answer then return {answer, "", ""} end
	retried = failed
end
if call("EXISTS", run) == 1 then return {"", id, ""} end

local before, begun = collecting(hash)
local most = tonumber(ARGV[10])
if not before and most >= 0 and call("SCARD", OURS .. "gated:" .. flow) >= most then return {"full", "", ""} end

-- replace ends the run that waits for events of the key.
local function replace()
	local r = call("HMGET", RUN .. before, "reply", "at", "gated")
	closeWindow(before, hash, r[3])
	call("HSET", RUN .. before, "state", "cancelled", "fence", "1", "stopped", "0", "error", ARGV[14], "finished", us, "resumed_by", id)
	send(ARGV[15], r[1], replyOf(before, "cancelled", "1", r[2], "", us, ARGV[14], ""))
	enterIndex(before, "cancelled", r[2])
	settleAll(ARGV[16], ARGV[17])
end
if before then replace() else begun = ms end

local begins, longest = ms + ARGV[12], tonumber(ARGV[13])
if longest >= 0 then begins = math.min(begins, begun + longest) end
call("HSET", run, "state", "waiting", "spec", ARGV[2], "event", ARGV[3], "at", us, "reply", "", "limit", ARGV[4], "turn", ARGV[5])
if guard then call("SET", guard, id .. ARGV[7], "PX", ARGV[8]) end
if retried then call("HSET", RUN .. retried, "resumed_by", id) end
remember(id .. ARGV[6])
openWindow(id, hash, ms, begins, whole(tonumber(begun)), flow)
return {"", id, ""}
