-- disable ends a pending delivery whose endpoint is disabled.
--
-- KEYS[1] delivery  KEYS[2] index  KEYS[3] open  KEYS[4] endpoint
-- ARGV[1] id  ARGV[2] round
--
-- Returns 1 when the delivery was ended.
local call = redis.call
local known = call("HMGET", KEYS[1], "state", "round")
if known[1] ~= "pending" or known[2] ~= ARGV[2] or call("HEXISTS", KEYS[4], "disabled") == 0 then return 0 end
call("HSET", KEYS[1], "state", "disabled")
call("ZREM", KEYS[3], ARGV[1])
if not call("ZSCORE", KEYS[2], ARGV[1]) then call("DEL", KEYS[1]) end -- newer ones have replaced it in the list
return 1
