-- stop asks for the end of an operation. The process that executes it ends it after the runs that it has begun with.
--
-- KEYS[1] operation
--
-- Returns the state, "" when there is no such operation.
local state = redis.call("HGET", KEYS[1], "state")
if not state then return "" end
if state == "running" then redis.call("HSET", KEYS[1], "stop", "1") end
return state
