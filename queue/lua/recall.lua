-- uses: keys run
-- recall stores the record of an ended run again as the history has it, so that it can be
-- continued, replayed or annotated, and keeps its journal, which the caller has written
-- with a TTL. A run that is stored is not changed. tidy removes the run again after its
-- retention, which begins anew.
--
-- KEYS[1] due
-- ARGV[1] run id
-- then two for each field of the record: name, value
--
-- Returns 1 when the run was stored, 0 when it was there.
local id, run = ARGV[1], RUN .. ARGV[1]
if call("EXISTS", run) == 1 then return 0 end

local _, us = clock()
for i = 2, #ARGV, 2 do call("HSET", run, ARGV[i], ARGV[i+1]) end
call("HSET", run, "recalled", us)
call("HDEL", run, "changed")
call("PERSIST", OURS .. "journal:" .. id)
call("ZADD", OURS .. "index", string.sub(call("HGET", run, "at"), 1, -4), id)
call("RPUSH", OURS .. "archived", id)
return 1
