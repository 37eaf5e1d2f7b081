-- take reserves the next time that a rate allows. The last reserved times are
-- stored, as many as the rate allows: the next one is at least the duration
-- after the oldest of them.
--
-- KEYS[1] reserved times
-- ARGV[1] maximum in a period  ARGV[2] length of the period in µs  ARGV[3] longest wait in µs
--
-- Returns {"1" when it is reserved, the µs until it}.

local call = redis.call
local time = call("TIME")
local now = time[1] * 1000000 + time[2]
local count, per = tonumber(ARGV[1]), tonumber(ARGV[2])

local at = now
local oldest = call("LINDEX", KEYS[1], count - 1)
if oldest and tonumber(oldest) + per > at then at = tonumber(oldest) + per end
local wait = at - now
if wait > tonumber(ARGV[3]) then return {"0", string.format("%.0f", wait)} end
call("LPUSH", KEYS[1], string.format("%.0f", at))
call("LTRIM", KEYS[1], 0, count - 1)
call("PEXPIRE", KEYS[1], string.format("%.0f", math.ceil((wait + per) / 1000)))
return {"1", string.format("%.0f", wait)}
