-- uses: keys run turns advance
-- deregister removes a stopping worker from the registry and returns the tasks that
-- a lost reply left in its inboxes to their lists.
--
-- KEYS[1] due
-- ARGV[1] worker id
--
-- Returns how many tasks were returned.
local back = 0
for inbox, list in pairs({pending = ASYNQ .. "pending", express = OURS .. "express"}) do
	while call("LMOVE", OURS .. "inbox:" .. ARGV[1] .. ":" .. inbox, list, "RIGHT", "RIGHT") do back = back + 1 end
end
call("ZREM", OURS .. "workers", ARGV[1])
call("HDEL", OURS .. "sessions", ARGV[1])
call("HDEL", OURS .. "capacity", ARGV[1])
call("HDEL", OURS .. "fleet", ARGV[1])
call("SREM", OURS .. "drain", ARGV[1])
call("DEL", OURS .. "slots") -- the next beat computes it
advance()
return back
