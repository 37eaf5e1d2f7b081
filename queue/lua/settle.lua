-- settle takes the tasks of runs that have ended out of asynq and gives the
-- runs their retention. Doing it again changes nothing.
--
-- KEYS[1] active  KEYS[2] task lease  KEYS[3] due  KEYS[4] index
-- KEYS[5] processed of today  KEYS[6] processed
-- ARGV[1] run prefix  ARGV[2] task prefix  ARGV[3] journal prefix
-- ARGV[4] retention in ms  ARGV[5] expiry of today's count, unix seconds
-- then five for each run: run id, task id, accepted (unix ms), "1" when there
-- may be a journal, "1" when there may be an entry among asynq's leases
local JOURNAL_FOR = 60000 -- ms; nobody resumes a run that has ended
local call = redis.call
local done = 0

for i = 6, #ARGV, 5 do
	local id, task = ARGV[i], ARGV[i+1]
	call("LREM", KEYS[1], -1, task) -- from the tail, where the oldest are
	if ARGV[i+4] == "1" then call("ZREM", KEYS[2], task) end
	done = done + call("DEL", ARGV[2] .. task)
	call("ZREM", KEYS[3], id)
	call("ZADD", KEYS[4], ARGV[i+2], id)
	call("PEXPIRE", ARGV[1] .. id, ARGV[4])
	if ARGV[i+3] == "1" then call("PEXPIRE", ARGV[3] .. id, JOURNAL_FOR) end
end
if done > 0 then
	if call("INCRBY", KEYS[5], done) == done then
		call("EXPIREAT", KEYS[5], ARGV[5])
	end
	call("INCRBY", KEYS[6], done)
end
return done
