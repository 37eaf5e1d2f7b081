-- uses: keys run reply turns advance finish settle
-- complete does the work of finish and settle in one call, for runs without a waiting
-- caller and for large batches. A run that has reached a concurrency limit is not
-- settled here: settle follows after its worker has released its place.
--
-- KEYS[1] due
-- ARGV[1] PUBLISH, or SPUBLISH on a Cluster
-- ARGV[2] asynq's day, as in its keys  ARGV[3] expiry of the day's counts, unix seconds
-- ARGV[4] worker of the attempts
-- then seven for each attempt: run id, fence, state, output, error, steps, and "1" when
-- beat may have made it visible to asynq, otherwise ""
--
-- Returns for each attempt 2 when it has ended its run and the run is settled, 1 when
-- settle must follow, also for a repeated call, 0 for a stale fence; and at the end
-- whether runs are in line (more than 0).
local _, us = clock()
local out = {}

for i = 5, #ARGV, 7 do
	local id = ARGV[i]
	local run = RUN .. id
	local r = call("HMGET", run, "state", "fence", "reply", "started", "at", "early", "worker", "turn", "gates")
	local answer = finishRun(run, r, i, us, ARGV[1], ARGV[4])
	if answer == 1 and live(r[1]) and not r[9] then
		answer = 2
		leave(id, r[2], ARGV[4], r[8], ARGV[i+6])
		enterIndex(id, ARGV[i+2], r[5])
	end
	out[#out+1] = answer
end
announce(ARGV[1])
out[#out+1] = settleAll(ARGV[2], ARGV[3])
return out
