-- beat is a worker's sign of life, the lease of all its runs at once. It tells
-- which of them are not its any more, declares workers dead that have stopped
-- beating, and hands out what is due. Any worker does the reconciler's work:
-- whoever comes first takes a due run for a moment, so that nobody else looks
-- at it as well.
--
-- KEYS[1] due  KEYS[2] workers  KEYS[3] pending  KEYS[4] task lease  KEYS[5] active  KEYS[6] drain
-- ARGV[1] worker id  ARGV[2] lease in ms  ARGV[3] inbox prefix  ARGV[4] run prefix
-- ARGV[5] task prefix  ARGV[6] most due runs
-- then three for each run: id, fence, and the expiry (unix seconds) of an entry
-- to make among asynq's leases, "" for none
--
-- Returns {ids of the runs that are not ours any more, due runs, 1 when this
-- worker is to take nothing new}; a due run is id, fence, what is wrong: "lost"
-- (its worker), "missing" (its task), "late" (past its deadline), "wake" (parked
-- until now), "settle" (ended, not settled).
local TAKEN = 3000 -- ms for which a due run is ours to mend
local LATER = 15000 -- ms until a healthy run is looked at again
local GRACE = 3000 -- ms past its deadline after which a running run's worker is not trusted to end it

local call = redis.call
local time = call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function whole(n) return string.format("%d", n) end

local lost = {}
for i = 7, #ARGV, 3 do
	local r = call("HMGET", ARGV[4] .. ARGV[i], "state", "fence")
	if r[1] ~= "running" or r[2] ~= ARGV[i+1] then
		lost[#lost+1] = ARGV[i]
	elseif ARGV[i+2] ~= "" then
		local task = ARGV[i] .. "." .. ARGV[i+1]
		call("ZADD", KEYS[4], ARGV[i+2], task)
		call("HSET", ARGV[5] .. task, "state", "active")
	end
end
-- A worker that has not been heard of for a lease itself cannot tell who has
-- died: Redis may have been away, for all of them. Its first beat after that
-- buries nobody and gives all of them a new lease.
local before = call("ZSCORE", KEYS[2], ARGV[1])
local heard = before and now - before < tonumber(ARGV[2])
if before and not heard then
	for _, worker in ipairs(call("ZRANGE", KEYS[2], 0, -1)) do
		call("ZADD", KEYS[2], whole(now), worker)
	end
end
call("ZADD", KEYS[2], whole(now), ARGV[1])

-- bury gives back a dead worker's inbox and makes its runs due.
local function bury(worker)
	call("ZREM", KEYS[2], worker)
	local inbox = ARGV[3] .. worker
	while true do
		local id = call("RPOP", inbox)
		if not id then break end
		call("RPUSH", KEYS[3], id)
	end
	for _, task in ipairs(call("LRANGE", KEYS[5], 0, -1)) do
		local id = string.sub(task, 1, 36)
		if #task > 36 and call("HGET", ARGV[4] .. id, "worker") == worker then
			call("ZADD", KEYS[1], "XX", 0, id)
		end
	end
end
if heard then
	for _, worker in ipairs(call("ZRANGEBYSCORE", KEYS[2], "-inf", whole(now - ARGV[2]))) do
		bury(worker)
	end
end

-- queued says what is wrong with a queued run, or nil and when to look again.
local function queued(id, fence, deadline)
	if deadline and now > deadline then return "late" end
	local task = id .. "." .. whole(fence + 1)
	local state = call("HGET", ARGV[5] .. task, "state")
	if state == "active" then
		local lease = call("ZSCORE", KEYS[4], task)
		if not lease or tonumber(lease) * 1000 < now then return "missing" end
		return nil, now + TAKEN
	end
	if state ~= "pending" and state ~= "scheduled" and state ~= "retry" then return "missing" end
	if deadline then return nil, math.min(now + LATER, deadline + 100) end
	return nil, now + LATER
end

-- running does the same for a running one.
local function running(worker, deadline)
	if not worker or not call("ZSCORE", KEYS[2], worker) then return "lost" end
	if deadline and now > deadline + GRACE then return "late" end
	if deadline then return nil, math.min(now + LATER, deadline + GRACE + 100) end
	return nil, now + LATER
end

local due = {}
for _, id in ipairs(call("ZRANGEBYSCORE", KEYS[1], "-inf", whole(now), "LIMIT", 0, ARGV[6])) do
	local r = call("HMGET", ARGV[4] .. id, "state", "fence", "deadline", "worker")
	local state, fence, deadline = r[1], tonumber(r[2] or "0"), tonumber(r[3] or "")
	local wrong, again = nil, nil
	if not state then
		call("ZREM", KEYS[1], id) -- expired or flushed away
	elseif state == "queued" then
		wrong, again = queued(id, fence, deadline)
	elseif state == "running" then
		wrong, again = running(r[4], deadline)
	elseif state == "waiting" then
		wrong = "wake"
	else
		wrong = "settle"
	end
	if state then call("ZADD", KEYS[1], whole(again or now + TAKEN), id) end
	if wrong then
		due[#due+1] = id
		due[#due+1] = whole(fence)
		due[#due+1] = wrong
	end
end
return {lost, due, call("SISMEMBER", KEYS[6], ARGV[1])}
