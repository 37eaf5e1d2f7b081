-- enter lets a run through a gate, or says why not. A place belongs to its run
-- for as long as some worker executes it or is about to: places have no lease
-- of their own, the run's life is one.
--
-- KEYS[1] run  KEYS[2] inside  KEYS[3] line  KEYS[4] due  KEYS[5] active  KEYS[6] task lease
-- ARGV[1] run id  ARGV[2] fence that must hold  ARGV[3] most runs inside
-- ARGV[4] what happens to one more: "queue", "reject" or "drop_oldest"
-- ARGV[5] most runs in line  ARGV[6] run prefix  ARGV[7] task prefix  ARGV[8] task id
--
-- Returns "in"; "parked": it stands in line, and no worker holds it; "full";
-- "lost" for a stale fence; or the id of the oldest run, to be ended first,
-- which may be this one.
local KEEP = 90000000 -- ms, 25 h: longer than any run
local RETRY = 2000 -- ms after which a run in line asks by itself, times its place in units of the gate
local RARELY = 60000 -- ms, the longest such pause
local LOOK = 50 -- runs in line that are looked at in one go

local call = redis.call
local id, most = ARGV[1], tonumber(ARGV[3])
local r = call("HMGET", KEYS[1], "state", "fence", "at", "deadline", "limit", "entered")
if r[1] == "waiting" and r[2] == ARGV[2] and call("ZSCORE", KEYS[3], id) then return "parked" end -- a repeated call
if r[1] ~= "running" or r[2] ~= ARGV[2] then return "lost" end
local function state(of) return call("HGET", ARGV[6] .. of, "state") end

local function admit()
	call("ZADD", KEYS[2], r[3], id)
	call("ZREM", KEYS[3], id)
	call("PEXPIRE", KEYS[2], KEEP)
	call("HSET", KEYS[1], "entered", "1")
	return "in"
end
if call("ZSCORE", KEYS[2], id) then return admit() end

-- Places of runs that have ended, or are parked, are free.
local free = most - call("ZCARD", KEYS[2])
if free <= 0 then
	for _, other in ipairs(call("ZRANGE", KEYS[2], 0, -1)) do
		local s = state(other)
		if s ~= "running" and s ~= "queued" then free = free + call("ZREM", KEYS[2], other) end
	end
end

-- ahead lists runs that were accepted before this one and still stand in line,
-- no more than there are free places.
local function ahead()
	local found, from = {}, 0
	while #found < free do
		local next = call("ZRANGEBYSCORE", KEYS[3], "-inf", "(" .. r[3], "LIMIT", from, LOOK)
		if #next == 0 then break end
		for _, other in ipairs(next) do
			local s = state(other)
			if s == "waiting" or s == "queued" or s == "running" then
				found[#found+1], from = other, from + 1
			else
				call("ZREM", KEYS[3], other)
			end
		end
	end
	return found
end

if ARGV[4] ~= "queue" then
	if free > 0 then return admit() end
	if ARGV[4] == "reject" then return "full" end
	local oldest = call("ZRANGE", KEYS[2], 0, 0, "WITHSCORES")
	return tonumber(r[3]) < tonumber(oldest[2]) and id or oldest[1]
end
if free > 0 then
	local before = ahead()
	if #before < free then return admit() end
	for _, other in ipairs(before) do -- their wake-up may have been lost
		if state(other) == "waiting" then call("ZADD", KEYS[4], "XX", 0, other) end
	end
end
if not call("ZSCORE", KEYS[3], id) and call("ZCARD", KEYS[3]) >= tonumber(ARGV[5]) then return "full" end

call("ZADD", KEYS[3], r[3], id)
call("PEXPIRE", KEYS[3], KEEP)
local time = call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local wake = now + math.min(RETRY * (1 + math.floor(call("ZRANK", KEYS[3], id) / most)), RARELY)
if r[6] then -- it has executed, and was parked since: what it waits does not count
	call("HSET", KEYS[1], "limit", string.format("%d", math.max(1, r[4] - now)))
	call("HDEL", KEYS[1], "deadline")
elseif r[5] then
	call("HDEL", KEYS[1], "deadline") -- its time counts from when it begins
else
	wake = math.min(wake, r[4] + 100)
end
call("HSET", KEYS[1], "state", "waiting")
call("ZADD", KEYS[4], string.format("%d", wake), id)
call("LREM", KEYS[5], 1, ARGV[8])
call("ZREM", KEYS[6], ARGV[8])
call("DEL", ARGV[7] .. ARGV[8])
return "parked"
