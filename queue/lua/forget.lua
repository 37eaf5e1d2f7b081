-- uses: keys run
-- forget removes an ended run that was erased in the history, which does not store it again.
--
-- KEYS[1] due
-- ARGV[1] run id
--
-- Returns the previous state, "" when there is no such run. A run that is not settled, and so not in the index, is not changed.
local id, run = ARGV[1], RUN .. ARGV[1]
local state = call("HGET", run, "state")
if not state then return "" end
if not call("ZSCORE", OURS .. "index", id) then return state end
local origin = call("HGET", run, "origin")
local mark = origin and OURS .. "origin:" .. origin
if mark and call("GET", mark) == id then call("UNLINK", mark) end -- it was the last of the runs that continue each other
call("UNLINK", run, OURS .. "journal:" .. id)
call("ZREM", OURS .. "index", id)
return state
