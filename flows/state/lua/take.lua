-- take reserves the next moment at which a rate is kept. Of the moments that
-- were reserved last, as many as the rate allows are remembered: the next one
-- must be the duration after the oldest of them.
--
-- KEYS[1] reserved moments
-- ARGV[1] how many are allowed  ARGV[2] within how many microseconds  ARGV[3] patience in microseconds
--
-- Returns {"1" when it is reserved, how far it is in microseconds}.
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
