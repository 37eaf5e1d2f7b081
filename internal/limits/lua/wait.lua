-- wait reads how long the next proof must wait.
--
-- KEYS[1] hash of n and until (ms)
--
-- Returns the wait in ms, 0 for none.
local stop = redis.call("HGET", KEYS[1], "until")
if not stop then return 0 end
local time = redis.call("TIME")
return math.max(0, tonumber(stop) - (time[1] * 1000 + math.floor(time[2] / 1000)))
