-- Adds a request to a capture that is open and has room.
--
-- KEYS 1 capture, see keys.go
-- ARGV 1 request, JSON  2 maximum number of requests
-- returns 1; 0: it is not open, or full
local n = redis.call('LLEN', KEYS[1])
if n == 0 or n > tonumber(ARGV[2]) then return 0 end
redis.call('RPUSH', KEYS[1], ARGV[1])
return 1
