-- record stores the results of the next runs of an operation, and renews the lease of the process. The operation ends
-- with its last run, or when it was to stop.
--
-- KEYS[1] active  KEYS[2] operation  KEYS[3] results  KEYS[4] runs
-- ARGV[1] id  ARGV[2] fence that must hold  ARGV[3] lease in ms  ARGV[4] number of the first run, from 0  ARGV[5] retention in ms
-- then two for each run: "done", "failed" or "skipped", and the result (JSON)
--
-- Returns 1 when the process goes on, 0 when the operation has ended, or another process executes it.
local r = redis.call("HMGET", KEYS[2], "state", "fence", "next", "stop")
if r[1] ~= "running" or r[2] ~= ARGV[2] then return 0 end
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local next = tonumber(r[3])
if next == tonumber(ARGV[4]) then -- else the call is repeated
	for i = 6, #ARGV, 2 do
		redis.call("HINCRBY", KEYS[2], ARGV[i], 1)
		redis.call("RPUSH", KEYS[3], ARGV[i+1])
		next = next + 1
	end
	redis.call("HSET", KEYS[2], "next", string.format("%.0f", next))
end
for _, key in ipairs(KEYS) do redis.call("PEXPIRE", key, ARGV[5]) end
local whole = next >= redis.call("LLEN", KEYS[4])
if whole or r[4] then
	redis.call("HSET", KEYS[2], "state", whole and "done" or "stopped", "finished", now)
	redis.call("ZREM", KEYS[1], ARGV[1])
	return 0
end
redis.call("ZADD", KEYS[1], now + ARGV[3], ARGV[1])
return 1
