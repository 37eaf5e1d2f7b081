-- record stores a try of a delivery and what follows from it, unless another one was stored or the delivery was sent
-- again meanwhile.
--
-- KEYS[1] delivery  KEYS[2] index  KEYS[3] open  KEYS[4] endpoint
-- ARGV[1] id  ARGV[2] round  ARGV[3] tries of the round before this one  ARGV[4] now, unix ms  ARGV[5] tries (JSON)
-- ARGV[6] state: "pending" for another try, "delivered" or "failed"  ARGV[7] time of the next try, unix ms
-- ARGV[8] "1" when the endpoint says that it is gone  ARGV[9] ms of failures after which an endpoint is disabled
-- ARGV[10] least failures for that  ARGV[11] ms to keep a delivery  ARGV[12] ms to keep an endpoint
-- ARGV[13] mark of the call, by which a repeated one is recognised
--
-- Returns {state, reason for which this try has disabled the endpoint or ""}; {"stale", ""} when nothing was stored.
local call = redis.call
local now, keep, state, reason = tonumber(ARGV[4]), tonumber(ARGV[11]), ARGV[6], ""
local known = call("HMGET", KEYS[1], "state", "round", "count", "mark")
if known[4] == ARGV[13] then return {known[1], ""} end
if known[1] ~= "pending" or known[2] ~= ARGV[2] or known[3] ~= ARGV[3] then return {"stale", ""} end

if state == "delivered" then
	call("HDEL", KEYS[4], "failing", "failures")
	call("HSET", KEYS[4], "succeeded", ARGV[4])
else
	call("HSETNX", KEYS[4], "failing", ARGV[4])
	call("HSET", KEYS[4], "failed", ARGV[4])
	local failures = call("HINCRBY", KEYS[4], "failures", 1)
	if ARGV[8] == "1" then
		reason = "gone"
	elseif failures >= tonumber(ARGV[10]) and now - call("HGET", KEYS[4], "failing") >= tonumber(ARGV[9]) then
		reason = "failing"
	end
	if reason ~= "" and call("HSETNX", KEYS[4], "disabled", ARGV[4]) == 1 then
		call("HSET", KEYS[4], "reason", reason)
	else
		reason = ""
	end
	if state == "pending" and call("HEXISTS", KEYS[4], "disabled") == 1 then state = "disabled" end
end
call("PEXPIRE", KEYS[4], ARGV[12])

call("HSET", KEYS[1], "state", state, "count", known[3] + 1, "tries", ARGV[5], "next", ARGV[7], "mark", ARGV[13])
call("PEXPIRE", KEYS[1], keep)
if state == "pending" then
	call("ZADD", KEYS[3], now + keep, ARGV[1])
	call("PEXPIRE", KEYS[3], keep)
else
	call("ZREM", KEYS[3], ARGV[1])
	if not call("ZSCORE", KEYS[2], ARGV[1]) then call("DEL", KEYS[1]) end -- newer ones have replaced it in the list
end
return {state, reason}
