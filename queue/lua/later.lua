-- later stores a run that waits for the moment at which it starts: the
-- reconciler gives it its first task then.
--
-- KEYS[1] due
-- ARGV[1] run id  ARGV[2] run key  ARGV[3] spec  ARGV[4] event  ARGV[5] limit in ms  ARGV[6] ms until it starts
-- ARGV[7] guard key, "" for none  ARGV[8] fingerprint  ARGV[9] window in ms
--
-- Returns the id of the run: this one, also for a repeated call, or the first
-- one with the guard; "mismatch" when that had another fingerprint.
local call = redis.call
local held = ARGV[7] ~= "" and call("GET", ARGV[7])
if held then
	if string.sub(held, 37) ~= ARGV[8] then return "mismatch" end
	return string.sub(held, 1, 36)
end
if call("EXISTS", ARGV[2]) == 1 then return ARGV[1] end
local time = call("TIME")
local us = time[1] .. string.format("%06d", time[2])
local wake = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[6]
call("HSET", ARGV[2], "state", "waiting", "spec", ARGV[3], "event", ARGV[4], "at", us, "reply", "", "limit", ARGV[5])
if ARGV[7] ~= "" then call("SET", ARGV[7], ARGV[1] .. ARGV[8], "PX", ARGV[9]) end
call("ZADD", KEYS[1], string.format("%.0f", wake), ARGV[1])
return ARGV[1]
