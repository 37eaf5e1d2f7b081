-- record adds runs that failed to the failures of a flow, each run once.
--
-- A failure is a HASH: step code message, which never change; state: open, resolved or muted; since: unix ms of that
-- state; until: of muted, unix ms; count; first last: unix ms of runs; new again: the run that made it, and the one that
-- opened it again; came_back: unix ms of that; runs: the newest ones, comma separated; h0 to h47: hour since 1970, ":",
-- and the number of runs in it. A LIST beside it has the ids of more of its runs, the newest first.
--
-- KEYS[1] index  KEYS[2] handled  KEYS[3] minutes
-- ARGV[1] prefix of the keys of failures  ARGV[2] now, unix ms  ARGV[3] ms to keep a failure  ARGV[4] most failures
-- ARGV[5] most runs of a failure  ARGV[6] ms for which runs are known to be handled  ARGV[7] most of those
-- ARGV[8] minutes that are counted  ARGV[9] prefix of the keys of those lists  ARGV[10] most runs in one
-- then six for each run: run id, failure id, step, code, message, unix ms of its end
--
-- Returns for each run what it was to its failure, also for a repeated call: "new", "again" or "known"; and the state
-- that the failure had.
local call = redis.call
local now, keep, most, mostRuns = tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local out = {}

-- countIn adds one to the count of a period in a ring of them.
local function countIn(key, prefix, period, ring)
	local field = prefix .. period % ring
	local at, n = string.match(call("HGET", key, field) or "", "^(%d+):(%d+)$")
	if at and tonumber(at) > period then return end -- a run that was handled very late
	if not at or tonumber(at) < period then n = 0 end
	call("HSET", key, field, period .. ":" .. n + 1)
end

local function add(key, f, run, i)
	local at = tonumber(ARGV[i+5])
	if not f[1] then
		call("HSET", key, "step", ARGV[i+2], "code", ARGV[i+3], "message", ARGV[i+4], "state", "open", "since", ARGV[i+5], "first", ARGV[i+5], "new", run)
	elseif f[3] == "resolved" and at > tonumber(f[4]) then
		call("HSET", key, "state", "open", "since", ARGV[i+5], "again", run, "came_back", ARGV[i+5])
		f[2] = run
	end
	call("HINCRBY", key, "count", 1)
	if at > tonumber(f[5] or "0") then call("HSET", key, "last", ARGV[i+5]) end
	local runs = {run}
	for other in string.gmatch(f[6] or "", "[^,]+") do
		if #runs < mostRuns then runs[#runs+1] = other end
	end
	call("HSET", key, "runs", table.concat(runs, ","))
	countIn(key, "h", math.floor(at / 3600000), 48)
	countIn(KEYS[3], "", math.floor(at / 60000), tonumber(ARGV[8]))
	call("PEXPIRE", key, keep)
	local known = ARGV[9] .. ARGV[i+1]
	call("LPUSH", known, run)
	call("LTRIM", known, 0, ARGV[10] - 1)
	call("PEXPIRE", known, keep)
	call("ZADD", KEYS[1], "GT", ARGV[i+5], ARGV[i+1])
end

call("ZREMRANGEBYSCORE", KEYS[2], "-inf", now - ARGV[6])
for i = 11, #ARGV, 6 do
	local run, key = ARGV[i], ARGV[1] .. ARGV[i+1]
	local f = call("HMGET", key, "new", "again", "state", "since", "last", "runs", "until")
	if f[3] == "muted" and tonumber(f[7]) <= now then f[3] = "open" end
	if call("ZADD", KEYS[2], "NX", ARGV[2], run) == 1 then add(key, f, run, i) end
	out[#out+1] = (not f[1] or f[1] == run) and "new" or f[2] == run and "again" or "known"
	out[#out+1] = f[3] or "open"
end
for _, id in ipairs(call("ZRANGE", KEYS[1], 0, -most - 1)) do
	call("DEL", ARGV[1] .. id, ARGV[9] .. id)
	call("ZREM", KEYS[1], id)
end
call("ZREMRANGEBYRANK", KEYS[2], 0, -ARGV[7] - 1)
call("PEXPIRE", KEYS[1], keep)
call("PEXPIRE", KEYS[2], ARGV[6])
call("PEXPIRE", KEYS[3], ARGV[8] * 60000)
return out
