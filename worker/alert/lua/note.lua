-- note adds alerts about what has happened, each once.
--
-- KEYS[1] pending  KEYS[2] due  KEYS[3] sent  KEYS[4] noted
-- ARGV[1] now, unix ms  ARGV[2] ms to wait  ARGV[3] ms between two alerts of one key  ARGV[4] most pending alerts
-- ARGV[5] ms to keep the keys  ARGV[6] ms for which alerts are known to be noted  ARGV[7] most of those
-- then three for each: key, id of what has happened, alert (JSON)
local call = redis.call
local now = tonumber(ARGV[1])
call("ZREMRANGEBYSCORE", KEYS[4], "-inf", now - ARGV[6])
for i = 8, #ARGV, 3 do
	local key = ARGV[i]
	if call("ZADD", KEYS[4], "NX", ARGV[1], key .. "\n" .. ARGV[i+1]) == 1 then
		if call("HEXISTS", KEYS[1], key) == 0 then
			if call("ZCARD", KEYS[2]) < tonumber(ARGV[4]) then
				call("HSET", KEYS[1], key, ARGV[i+2])
				call("ZADD", KEYS[2], math.max(now + ARGV[2], (call("ZSCORE", KEYS[3], key) or 0) + ARGV[3]), key)
			else
				call("HINCRBY", KEYS[1], "more", 1)
			end
		end
	end
end
call("ZREMRANGEBYRANK", KEYS[4], 0, -ARGV[7] - 1)
for _, key in ipairs(KEYS) do call("PEXPIRE", key, ARGV[5]) end
