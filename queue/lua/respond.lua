-- respond stores what a flow answers its caller while the run goes on, through
-- the run's fence, and tells the doors that wait. The first answer stands.
--
-- KEYS[1] run
-- ARGV[1] run id  ARGV[2] fence that must hold  ARGV[3] answer (JSON)
-- ARGV[4] reply prefix  ARGV[5] PUBLISH, or SPUBLISH on a Cluster
--
-- Returns 1 stored, 2 there was an answer before, 0 for a stale fence.
local r = redis.call("HMGET", KEYS[1], "state", "fence", "early", "reply", "at", "started")
if r[1] ~= "running" or r[2] ~= ARGV[2] then return 0 end
if r[3] then return 2 end
redis.call("HSET", KEYS[1], "early", ARGV[3])
local reply = table.concat({ARGV[1], r[1], "0", r[5], r[6], "", "", ""}, "\31") -- as in finish
for door in string.gmatch(r[4] or "", "[^,]+") do
	redis.call(ARGV[5], ARGV[4] .. door, reply)
end
return 1
