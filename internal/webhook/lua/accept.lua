-- accept stores a delivery, unless it is stored already.
--
-- KEYS[1] delivery  KEYS[2] index  KEYS[3] open  KEYS[4] endpoint  KEYS[5] endpoints
-- ARGV[1] id of the delivery  ARGV[2] id of the endpoint  ARGV[3] URL to show  ARGV[4] now, unix ms
-- ARGV[5] ms to keep a delivery  ARGV[6] ms to keep an endpoint  ARGV[7] most listed deliveries
-- ARGV[8] most open deliveries  ARGV[9] most endpoints  ARGV[10]… fields and values of the delivery
--
-- Returns {state, round}; {"full", ""} when there are too many open deliveries.
local TRIM = 10 -- old members removed in one call
local call = redis.call
local known = call("HMGET", KEYS[1], "state", "round")
if known[1] then return known end

local now, keep = tonumber(ARGV[4]), tonumber(ARGV[5])
call("ZREMRANGEBYSCORE", KEYS[3], "-inf", now)
if call("ZCARD", KEYS[3]) >= tonumber(ARGV[8]) then return {"full", ""} end

-- trim removes the oldest members of a ZSET beyond a number, and calls each with what is left of them.
local function trim(key, most, prefix, each)
	local over = math.min(call("ZCARD", key) - tonumber(most), TRIM)
	if over <= 0 then return end
	for i, old in ipairs(call("ZPOPMIN", key, over)) do
		if i % 2 == 1 then each(prefix .. old) end
	end
end

local state = call("HEXISTS", KEYS[4], "disabled") == 1 and "disabled" or "pending"
call("HSET", KEYS[1], "state", state, "round", 1, "count", 0, "next", ARGV[4], unpack(ARGV, 10))
call("PEXPIRE", KEYS[1], keep)
call("ZADD", KEYS[2], now, ARGV[1])
call("PEXPIRE", KEYS[2], keep)
trim(KEYS[2], ARGV[7], string.sub(KEYS[1], 1, -#ARGV[1] - 1), function(delivery)
	if call("HGET", delivery, "state") ~= "pending" then call("DEL", delivery) end -- record.lua removes the others
end)
if state == "pending" then
	call("ZADD", KEYS[3], now + keep, ARGV[1])
	call("PEXPIRE", KEYS[3], keep)
end
call("HSET", KEYS[4], "url", ARGV[3])
call("PEXPIRE", KEYS[4], ARGV[6])
call("ZADD", KEYS[5], now, ARGV[2])
call("PEXPIRE", KEYS[5], ARGV[6])
trim(KEYS[5], ARGV[9], string.sub(KEYS[4], 1, -#ARGV[2] - 1), function(endpoint) call("DEL", endpoint) end)
return {state, "1"}
