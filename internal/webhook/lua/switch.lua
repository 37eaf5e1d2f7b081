-- switch disables an endpoint, or enables it and forgets its failures.
--
-- KEYS[1] endpoint
-- ARGV[1] "1": enable  ARGV[2] now, unix ms
--
-- Returns 1; 0: there is no such endpoint.
local call = redis.call
if call("EXISTS", KEYS[1]) == 0 then return 0 end
if ARGV[1] == "1" then
	call("HDEL", KEYS[1], "disabled", "reason", "failing", "failures")
elseif call("HSETNX", KEYS[1], "disabled", ARGV[2]) == 1 then
	call("HSET", KEYS[1], "reason", "manual")
end
return 1
