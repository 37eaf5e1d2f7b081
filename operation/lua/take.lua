-- take gives a process an operation to execute that no other process executes.
--
-- KEYS[1] active
-- ARGV[1] prefix of operations  ARGV[2] lease in ms
--
-- Returns its id and the fence of this process; false when there is none. An operation that was to stop is stopped here.
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, id in ipairs(redis.call("ZRANGEBYSCORE", KEYS[1], "-inf", now, "LIMIT", 0, 10)) do
	local key = ARGV[1] .. id
	local r = redis.call("HMGET", key, "state", "stop")
	if r[1] ~= "running" or r[2] then
		redis.call("ZREM", KEYS[1], id)
		if r[1] == "running" then redis.call("HSET", key, "state", "stopped", "finished", now) end
	else
		redis.call("ZADD", KEYS[1], now + ARGV[2], id)
		redis.call("HSETNX", key, "started", now)
		return {id, redis.call("HINCRBY", key, "fence", 1)}
	end
end
return false
