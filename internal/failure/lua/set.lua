-- set changes the state of a failure.
--
-- KEYS[1] failure  KEYS[2] index
-- ARGV[1] state  ARGV[2] now, unix ms  ARGV[3] end of the state, unix ms; "" for none  ARGV[4] id of the failure
--
-- Returns 1; 0 when there is no such failure.
if redis.call("EXISTS", KEYS[1]) == 0 then return 0 end
redis.call("HSET", KEYS[1], "state", ARGV[1], "since", ARGV[2], "until", ARGV[3])
if ARGV[1] ~= "open" then redis.call("HDEL", KEYS[1], "came_back") end
if ARGV[3] ~= "" then redis.call("ZADD", KEYS[2], "XX", "GT", ARGV[3], ARGV[4]) end -- others make room meanwhile
return 1
