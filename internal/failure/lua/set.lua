-- set changes the state of a failure.
--
-- KEYS[1] failure
-- ARGV[1] state  ARGV[2] now, unix ms  ARGV[3] end of the state, unix ms; "" for none
--
-- Returns 1; 0 when there is no such failure.
if redis.call("EXISTS", KEYS[1]) == 0 then return 0 end
redis.call("HSET", KEYS[1], "state", ARGV[1], "since", ARGV[2], "until", ARGV[3])
if ARGV[1] ~= "open" then redis.call("HDEL", KEYS[1], "came_back") end
return 1
