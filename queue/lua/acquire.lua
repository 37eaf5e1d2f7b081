-- uses: keys run turns advance
-- enter lets a run through a concurrency limit, or says why not. A place belongs to its run
-- for as long as some worker executes it or is about to: places have no lease
-- of their own, the run's life is one.
--
-- KEYS[1] due
-- ARGV[1] run id  ARGV[2] fence that must hold  ARGV[3] hash of the limit's key  ARGV[4] most runs inside
-- ARGV[5] what happens to one more: "queue", "reject" or "drop_oldest"
--
-- Returns "in"; "parked": it stands in the limit's line, and no worker has it; "full";
-- "lost" for a stale fence; or the id of the oldest run, to be ended first,
-- which may be this one.
local KEEP = 90000000 -- ms, 25 h: longer than any run
local RETRY = 2000 -- ms after which a run in line asks by itself, times its place in units of the limit
local RARELY = 60000 -- ms, the longest such pause
local LOOK = 50 -- runs that are looked at in one go

local id, run, most = ARGV[1], RUN .. ARGV[1], tonumber(ARGV[4])
local INSIDE, LINE = OURS .. "gate:" .. ARGV[3] .. ":inside", OURS .. "gate:" .. ARGV[3] .. ":line"
local r = call("HMGET", run, "state", "fence", "at", "deadline", "limit", "entered", "worker", "turn", "gated", "gates")
if r[1] == "waiting" and r[2] == ARGV[2] and call("ZSCORE", LINE, id) then return "parked" end -- a repeated call
if not executes(r[1], r[2], ARGV[2]) then return "lost" end
if not string.find(r[10] or "", ARGV[3], 1, true) then -- settle takes it out of them
	call("HSET", run, "gates", (r[10] and r[10] .. "," or "") .. ARGV[3])
end
local function state(of) return call("HGET", RUN .. of, "state") end
local now, us = clock()

local function admitHere()
	call("ZADD", INSIDE, r[3], id)
	call("ZREM", LINE, id)
	call("PEXPIRE", INSIDE, KEEP)
	call("HSET", run, "entered", "1")
	if r[9] then
		call("SREM", OURS .. "gated:" .. r[9], id)
		call("HDEL", run, "gated")
	end
	return "in"
end
if call("ZSCORE", INSIDE, id) then return admitHere() end

-- Places of runs that have ended, or are parked, are free. A fault left them: release frees the others.
-- Some are looked at in each call, beginning at another one each time.
local inside = call("ZCARD", INSIDE)
local free = most - inside
if free <= 0 then
	local from = inside > LOOK and tonumber(string.sub(us, -6)) % inside or 0
	for _, other in ipairs(call("ZRANGE", INSIDE, from, from + LOOK - 1)) do
		local s = state(other)
		if s ~= "running" and s ~= "queued" then free = free + call("ZREM", INSIDE, other) end
	end
end

-- ahead lists runs that were accepted before this one and still stand in line,
-- no more than there are free places.
local function ahead()
	local found, from, looked = {}, 0, 0
	while #found < free and looked < 4 * LOOK do
		local next = call("ZRANGEBYSCORE", LINE, "-inf", "(" .. r[3], "LIMIT", from, LOOK)
		if #next == 0 then break end
		looked = looked + #next
		for _, other in ipairs(next) do
			if live(state(other)) then
				found[#found+1], from = other, from + 1
			else
				call("ZREM", LINE, other)
			end
		end
	end
	return found
end

if ARGV[5] ~= "queue" then
	if free > 0 then return admitHere() end
	if ARGV[5] == "reject" then return "full" end
	local oldest = call("ZRANGE", INSIDE, 0, 0, "WITHSCORES")
	return tonumber(r[3]) < tonumber(oldest[2]) and id or oldest[1]
end
if free > 0 then
	local before = ahead()
	if #before < free then return admitHere() end
	for _, other in ipairs(before) do -- their wake-up may have been lost
		if state(other) == "waiting" then call("ZADD", DUE, "XX", 0, other) end
	end
end

call("ZADD", LINE, r[3], id)
call("PEXPIRE", LINE, KEEP)
local wake = now + math.min(RETRY * (1 + math.floor(call("ZRANK", LINE, id) / most)), RARELY)
if r[6] then -- it has executed, and was parked since: what it waits does not count
	call("HSET", run, "limit", whole(math.max(1, r[4] - now)))
	call("HDEL", run, "deadline")
elseif r[5] then
	call("HDEL", run, "deadline") -- its time counts from when it begins
else
	wake = math.min(wake, r[4] + 100)
end
call("HSET", run, "state", "waiting")
if r[8] then
	local _, flow = parseTurn(r[8])
	call("HSET", run, "gated", flow)
	call("SADD", OURS .. "gated:" .. flow, id)
end
lookAt(id, wake)
leaveWorker(taskOf(id, ARGV[2]), r[7], false, true)
leaveFlight(id, r[8])
advance()
return "parked"
