-- watch compares the conditions that hold with those that held, and adds an alert for each that holds now, and for each
-- of which an alert was sent and that holds no more. It leaves out what has no effect on who was told: a condition that is
-- over before its alert was sent, and one that holds again before its end was sent.
--
-- KEYS[1] pending  KEYS[2] due  KEYS[3] sent  KEYS[4] active
-- ARGV[1] now, unix ms  ARGV[2] ms to wait  ARGV[3] ms between two alerts of one key  ARGV[4] most conditions
-- ARGV[5] ms to keep the keys  ARGV[6] kinds of which it is not known whether they hold, each with a space behind it
-- then three for each condition that holds: key, alert (JSON), alert of its end (JSON)
local call = redis.call
local now, holds = tonumber(ARGV[1]), {}

-- cancel removes a pending alert, and returns whether there was one.
local function cancel(key)
	call("ZREM", KEYS[2], key)
	return call("HDEL", KEYS[1], key) == 1
end

local function add(key, alert, due)
	call("HSET", KEYS[1], key, alert)
	call("ZADD", KEYS[2], due, key)
end

for i = 7, #ARGV, 3 do
	local key = ARGV[i]
	holds[key] = true
	if call("HLEN", KEYS[4]) < tonumber(ARGV[4]) and call("HSETNX", KEYS[4], key, ARGV[i+2]) == 1 and not cancel(key) then
		add(key, ARGV[i+1], math.max(now + ARGV[2], (call("ZSCORE", KEYS[3], key) or 0) + ARGV[3]))
	end
end
local active = call("HGETALL", KEYS[4])
for i = 1, #active, 2 do
	local key = active[i]
	local kind = string.match(key, "^[^ ]+") .. " "
	if not holds[key] and not string.find(ARGV[6], kind, 1, true) then
		call("HDEL", KEYS[4], key)
		if not cancel(key) then add(key, active[i+1], now + ARGV[2]) end
	end
end
for _, key in ipairs(KEYS) do call("PEXPIRE", key, ARGV[5]) end
