-- uses: keys run turns advance
-- acquire makes a run a holder of a concurrency limit, or parks it in the line of the
-- limit. A run is a holder while it is queued or running: a place has no lease of its
-- own, it is as long as that of its run.
--
-- KEYS[1] due
-- ARGV[1] run id  ARGV[2] fence that must hold  ARGV[3] hash of the limit's key  ARGV[4] places of the limit
-- ARGV[5] what happens without a free place: "queue", "reject" or "drop_oldest"
-- ARGV[6] worker of the attempt
--
-- Returns "in" when the run is a holder; "parked" when it waits and no worker has it;
-- "full" when it is rejected; "lost" for a stale fence; or, for "drop_oldest", the id of
-- the oldest run, which must be cancelled first and may be this one.
local KEEP = 90000000 -- ms, 25 h: longer than any run
local RETRY = 2000 -- ms after which a waiting run tries again by itself, times its position divided by the places
local RARELY = 60000 -- ms, the longest such time
local LOOK = 50 -- runs that are read at once

local id, run, most = ARGV[1], RUN .. ARGV[1], tonumber(ARGV[4])
local HOLDERS, WAITING = OURS .. "gate:" .. ARGV[3] .. ":inside", OURS .. "gate:" .. ARGV[3] .. ":line"
local r = call("HMGET", run, "state", "fence", "at", "deadline", "limit", "entered", "worker", "turn", "gated", "gates")
if r[1] == "waiting" and r[2] == ARGV[2] and r[7] == ARGV[6] and call("ZSCORE", WAITING, id) then return "parked" end -- a repeated call
if not executes(r[1], r[2], ARGV[2], r[7], ARGV[6]) then return "lost" end
if not string.find(r[10] or "", ARGV[3], 1, true) then -- settle removes the run from these limits
	call("HSET", run, "gates", (r[10] and r[10] .. "," or "") .. ARGV[3])
end
local function state(of) return call("HGET", RUN .. of, "state") end
local now, us = clock()

local function admitHere()
	call("ZADD", HOLDERS, r[3], id)
	call("ZREM", WAITING, id)
	call("PEXPIRE", HOLDERS, KEEP)
	call("HSET", run, "entered", "1")
	if r[9] then
		call("SREM", OURS .. "gated:" .. r[9], id)
		call("HDEL", run, "gated")
	end
	return "in"
end
if call("ZSCORE", HOLDERS, id) then return admitHere() end

-- Places of runs that have ended or are parked are free. Only a fault leaves such places, because
-- release frees them otherwise. Each call checks some holders, starting at a different one.
local held = call("ZCARD", HOLDERS)
local free = most - held
if free <= 0 then
	local from = held > LOOK and tonumber(string.sub(us, -6)) % held or 0
	for _, other in ipairs(call("ZRANGE", HOLDERS, from, from + LOOK - 1)) do
		local s = state(other)
		if s ~= "running" and s ~= "queued" then free = free + call("ZREM", HOLDERS, other) end
	end
end

-- ahead lists waiting runs that were accepted before this one, at most as many as
-- there are free places.
local function ahead()
	local found, from, looked = {}, 0, 0
	while #found < free and looked < 4 * LOOK do
		local next = call("ZRANGEBYSCORE", WAITING, "-inf", "(" .. r[3], "LIMIT", from, LOOK)
		if #next == 0 then break end
		looked = looked + #next
		for _, other in ipairs(next) do
			if live(state(other)) then
				found[#found+1], from = other, from + 1
			else
				call("ZREM", WAITING, other)
			end
		end
	end
	return found
end

if ARGV[5] ~= "queue" then
	if free > 0 then return admitHere() end
	if ARGV[5] == "reject" then return "full" end
	local oldest = call("ZRANGE", HOLDERS, 0, 0, "WITHSCORES")
	return tonumber(r[3]) < tonumber(oldest[2]) and id or oldest[1]
end
if free > 0 then
	local before = ahead()
	if #before < free then return admitHere() end
	for _, other in ipairs(before) do -- the call that should wake them may have been lost
		if state(other) == "waiting" then call("ZADD", DUE, "XX", 0, other) end
	end
end

call("ZADD", WAITING, r[3], id)
call("PEXPIRE", WAITING, KEEP)
local wake = now + math.min(RETRY * (1 + math.floor(call("ZRANK", WAITING, id) / most)), RARELY)
if r[6] then -- it has executed and was parked since: its waiting time does not count
	call("HSET", run, "limit", whole(math.max(1, r[4] - now)))
	call("HDEL", run, "deadline")
elseif r[5] then
	call("HDEL", run, "deadline") -- its limit counts from its first start
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
leaveWorker(taskOf(id, ARGV[2]), r[7], true)
leaveFlight(id, r[8])
advance()
return "parked"
