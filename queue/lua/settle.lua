-- settle takes the tasks of runs that have ended out of asynq and puts the
-- runs into the index, from where tidy removes them after their retention.
-- Doing it again changes nothing.
--
-- KEYS[1] active  KEYS[2] task lease  KEYS[3] due  KEYS[4] index
-- KEYS[5] processed of today  KEYS[6] processed
-- ARGV[1] task prefix  ARGV[2] expiry of today's count, unix seconds
-- then four for each run: run id, task id, accepted (unix ms), "1" when there
-- may be an entry among asynq's leases
local call = redis.call
local ids, index, tasks = {}, {}, {}

for i = 3, #ARGV, 4 do
	local id, task = ARGV[i], ARGV[i+1]
	call("LREM", KEYS[1], -1, task) -- from the tail, where the oldest are
	if ARGV[i+3] == "1" then call("ZREM", KEYS[2], task) end
	ids[#ids+1] = id
	index[#index+1] = ARGV[i+2]
	index[#index+1] = id
	tasks[#tasks+1] = ARGV[1] .. task
end
call("ZADD", KEYS[4], unpack(index))
call("ZREM", KEYS[3], unpack(ids))
local done = call("DEL", unpack(tasks))
if done > 0 then
	if call("INCRBY", KEYS[5], done) == done then
		call("EXPIREAT", KEYS[5], ARGV[2])
	end
	call("INCRBY", KEYS[6], done)
end
return done
