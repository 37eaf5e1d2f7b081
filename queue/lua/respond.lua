-- uses: keys run reply
-- respond stores the early response of a flow, if the fence holds, and publishes it
-- to the waiting API processes. Only the first response of a run is stored.
--
-- KEYS[1] due
-- ARGV[1] run id  ARGV[2] fence that must hold  ARGV[3] answer (JSON)
-- ARGV[4] PUBLISH, or SPUBLISH on a Cluster  ARGV[5] worker of the attempt
--
-- Returns 1 stored, 2 when there was a response before, 0 for a stale fence.
local run = RUN .. ARGV[1]
local r = call("HMGET", run, "state", "fence", "early", "reply", "at", "started", "worker")
if not executes(r[1], r[2], ARGV[2], r[7], ARGV[5]) then return 0 end
if r[3] then return 2 end
call("HSET", run, "early", ARGV[3])
send(ARGV[4], r[4], replyOf(ARGV[1], r[1], "0", r[5], r[6], "", "", ""))
return 1
