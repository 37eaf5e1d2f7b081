-- uses: keys run
-- submit_delayed stores a run that waits until its start time, when the reconciler
-- enqueues its first task.
--
-- KEYS[1] due
-- ARGV[1] run id  ARGV[2] spec  ARGV[3] event  ARGV[4] limit in ms  ARGV[5] ms until it starts  ARGV[6] turn
-- ARGV[7] hash of the idempotency key, "" for none  ARGV[8] fingerprint  ARGV[9] window in ms
--
-- Returns the id of the run, also for a repeated call, or the id of the first run with
-- the same idempotency key; "mismatch" when that run had another fingerprint.
local guard = ARGV[7] ~= "" and OURS .. "guard:" .. ARGV[7]
local held = guard and call("GET", guard)
if held then
	if string.sub(held, ID + 1) ~= ARGV[8] then return "mismatch" end
	return string.sub(held, 1, ID)
end
if call("EXISTS", RUN .. ARGV[1]) == 1 then return ARGV[1] end
local ms, us = clock()
call("HSET", RUN .. ARGV[1], "state", "waiting", "spec", ARGV[2], "event", ARGV[3], "at", us, "reply", "", "limit", ARGV[4], "turn", ARGV[6])
if guard then call("SET", guard, ARGV[1] .. ARGV[8], "PX", ARGV[9]) end
lookAt(ARGV[1], ms + ARGV[5])
return ARGV[1]
