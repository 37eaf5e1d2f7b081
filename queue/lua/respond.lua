-- uses: keys run reply
-- respond stores what a flow answers its caller while the run goes on, through
-- the run's fence, and tells the API processes that wait. The first answer stands.
--
-- KEYS[1] due
-- ARGV[1] run id  ARGV[2] fence that must hold  ARGV[3] answer (JSON)
-- ARGV[4] PUBLISH, or SPUBLISH on a Cluster
--
-- Returns 1 stored, 2 there was an answer before, 0 for a stale fence.
local run = RUN .. ARGV[1]
local r = call("HMGET", run, "state", "fence", "early", "reply", "at", "started")
if not executes(r[1], r[2], ARGV[2]) then return 0 end
if r[3] then return 2 end
call("HSET", run, "early", ARGV[3])
send(ARGV[4], r[4], replyOf(ARGV[1], r[1], "0", r[5], r[6], "", "", ""))
return 1
