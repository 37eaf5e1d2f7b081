-- uses: keys run reply turns advance finish settle
-- complete does the work of finish and settle in one call, for runs without a waiting
-- caller and for large batches. A run that has reached a concurrency limit is not
-- settled here: settle follows after its worker has released its place.
--
-- KEYS[1] due
-- ARGV[1] largest output sent along with a reply, bytes  ARGV[2] PUBLISH, or SPUBLISH on a Cluster
-- ARGV[3] asynq's day, as in its keys  ARGV[4] expiry of the day's counts, unix seconds
-- ARGV[5] worker of the attempts
-- then seven for each attempt: run id, fence, state, output, error, steps, and "1" when
-- beat may have made it visible to asynq, otherwise ""
--
-- Returns for each attempt 2 when it has ended its run and the run is settled, 1 when
-- settle must follow, also for a repeated call, 0 for a stale fence; and at the end
-- whether runs are in line (more than 0).
local _, us = clock()
local largest, out = tonumber(ARGV[1]), {}

for i = 6, #ARGV, 7 do
	local id = ARGV[i]
	local r = call("HMGET", RUN .. id, "state", "fence", "reply", "started", "at", "early", "turn", "gates")
	local answer = finishRun(r, i, us, largest, ARGV[2])
	if answer == 1 and live(r[1]) and not r[8] then
		answer = 2
		leave(id, r[2], ARGV[5], r[7], ARGV[i+6])
		enterIndex(id, ARGV[i+2], r[5])
	end
	out[#out+1] = answer
end
announce(ARGV[2])
out[#out+1] = settleAll(ARGV[3], ARGV[4])
return out
