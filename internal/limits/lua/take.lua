-- take counts one request against a strict sliding window: no period of the
-- window's length ever holds more than the limit. Refused requests do not
-- count.
--
-- KEYS[1] list of the times of the counted requests, in µs, oldest first
-- ARGV[1] limit  ARGV[2] window in µs
--
-- Returns how many more requests are allowed now, the µs until one more is
-- allowed, and the µs to wait for this one: 0 when it was counted.
local time = redis.call("TIME")
local now, limit, window = time[1] * 1000000 + time[2], tonumber(ARGV[1]), tonumber(ARGV[2])
local oldest = redis.call("LINDEX", KEYS[1], 0)
while oldest and tonumber(oldest) <= now - window do
	redis.call("LPOP", KEYS[1])
	oldest = redis.call("LINDEX", KEYS[1], 0)
end
local used = redis.call("LLEN", KEYS[1])
if used >= limit then
	-- When the limit was lowered, more than one must expire.
	local last = redis.call("LINDEX", KEYS[1], used - limit)
	local wait = tonumber(last) + window - now
	return { 0, wait, wait }
end
redis.call("RPUSH", KEYS[1], string.format("%d", now))
redis.call("PEXPIRE", KEYS[1], math.ceil(window / 1000))
return { limit - used - 1, (tonumber(oldest) or now) + window - now, 0 }
