-- redeliver begins a new round of tries of a delivery, whatever its state.
--
-- KEYS[1] delivery  KEYS[2] open  KEYS[3] endpoint
-- ARGV[1] id  ARGV[2] now, unix ms  ARGV[3] ms to keep a delivery
--
-- Returns the number of the round; "none": there is no such delivery; "disabled": its endpoint is disabled.
local call = redis.call
local keep = tonumber(ARGV[3])
if call("EXISTS", KEYS[1]) == 0 then return "none" end
if call("HEXISTS", KEYS[3], "disabled") == 1 then return "disabled" end
local round = call("HINCRBY", KEYS[1], "round", 1)
call("HSET", KEYS[1], "state", "pending", "count", 0, "next", ARGV[2])
call("PEXPIRE", KEYS[1], keep)
call("ZADD", KEYS[2], ARGV[2] + keep, ARGV[1])
call("PEXPIRE", KEYS[2], keep)
return tostring(round)
