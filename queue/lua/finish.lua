-- uses: keys run reply finish
-- finish stores the outcomes of attempts that end their runs, and publishes the
-- results to the waiting API processes. A stale fence changes nothing (I6). All
-- other work of a run's end is done by settle.
--
-- KEYS[1] due
-- ARGV[1] PUBLISH, or SPUBLISH on a Cluster
-- ARGV[2] worker of the attempts
-- then six for each attempt: run id, fence, state, output or the reference to its pieces, error, steps
--
-- Returns for each attempt 1 when it has ended its run, also for a repeated call, 0
-- for a stale fence.
local _, us = clock()
local out = {}

for i = 3, #ARGV, 6 do
	local run = RUN .. ARGV[i]
	local r = call("HMGET", run, "state", "fence", "reply", "started", "at", "early", "worker")
	out[#out+1] = finishRun(run, r, i, us, ARGV[1], ARGV[2])
end
announce(ARGV[1])
return out
