-- attach adds a door to those that wait for a run which goes on.
--
-- KEYS[1] run
-- ARGV[1] the door's id
--
-- Returns the run's state, "" when there is no such run. Nobody is added to
-- one that has ended: its result is there to be read.
local r = redis.call("HMGET", KEYS[1], "state", "reply")
local state, reply = r[1] or "", r[2] or ""
if state ~= "queued" and state ~= "running" and state ~= "waiting" then return state end
if reply == "" then
	redis.call("HSET", KEYS[1], "reply", ARGV[1])
elseif not string.find("," .. reply .. ",", "," .. ARGV[1] .. ",", 1, true) then
	redis.call("HSET", KEYS[1], "reply", reply .. "," .. ARGV[1])
end
return state
