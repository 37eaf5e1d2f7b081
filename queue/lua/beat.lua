-- uses: keys run turns advance
-- beat is a worker's sign of life, the lease of all its runs at once. It says
-- which of them are not its any more, declares workers dead that have stopped
-- beating, and hands out what is due. Any worker does the reconciler's work:
-- the first one to come takes a due run for a moment, so that no other looks
-- at it as well.
--
-- KEYS[1] due
-- ARGV[1] worker id  ARGV[2] session  ARGV[3] lease in ms  ARGV[4] most due runs
-- ARGV[5] what the worker adds to the queue: slots, spare slots, and the share
-- of a flow in percent, with a blank between them
-- then three for each run: id, fence, and the expiry (unix seconds) of an entry
-- to make among asynq's leases, "" for none
--
-- Returns {ids of the runs that are not this worker's any more, due runs, 1 when this
-- worker is to take nothing new}; a due run is id, fence, what is wrong: "lost"
-- (its worker), "missing" (its task), "late" (past its deadline), "wake" (parked
-- until now), "settle" (ended, not settled).
local TAKEN = 3000 -- ms for which a due run is this worker's to repair
local GRACE = 3000 -- ms past its deadline after which a running run's worker is not trusted to end it
local CHUNK = 1000 -- values in one call

local worker, lease = ARGV[1], tonumber(ARGV[3])
local now = clock()

local lost = {}
for i = 6, #ARGV, 3 do
	local r = call("HMGET", RUN .. ARGV[i], "state", "fence")
	if not executes(r[1], r[2], ARGV[i+1]) then
		lost[#lost+1] = ARGV[i]
	elseif ARGV[i+2] ~= "" then
		local task = taskOf(ARGV[i], ARGV[i+1])
		call("ZADD", ASYNQ .. "lease", ARGV[i+2], task)
		call("HSET", TASK .. task, "state", "active")
	end
end

local WORKERS = OURS .. "workers"
-- A worker that has not been heard of for a lease itself cannot tell which others have
-- died: Redis may have been away, for all of them. Its first beat after that
-- declares none dead and gives all of them a new lease.
local before = call("ZSCORE", WORKERS, worker)
local heard = before and now - before < lease
if before and not heard then
	for _, other in ipairs(call("ZRANGE", WORKERS, 0, -1)) do call("ZADD", WORKERS, whole(now), other) end
end
call("ZADD", WORKERS, whole(now), worker)
local session = call("HGET", OURS .. "sessions", worker)
if not session or tonumber(session) < tonumber(ARGV[2]) then call("HSET", OURS .. "sessions", worker, ARGV[2]) end

-- giveBack returns a dead worker's inbox to the list that it came from.
local function giveBack(inbox, list)
	while true do
		local task = call("RPOP", inbox)
		if not task then return end
		call("RPUSH", list, task)
	end
end

-- evict takes a dead worker out of the registry and makes its runs due.
local function evict(dead)
	call("ZREM", WORKERS, dead)
	call("HDEL", OURS .. "sessions", dead)
	call("HDEL", OURS .. "capacity", dead)
	local inbox = OURS .. "inbox:" .. dead
	giveBack(inbox .. ":pending", ASYNQ .. "pending")
	giveBack(inbox .. ":express", OURS .. "express")
	giveBack(inbox, ASYNQ .. "pending") -- of an earlier version
	local begun = call("ZRANGEBYLEX", OURS .. "begun", "[" .. dead .. " ", "(" .. dead .. "!")
	for from = 1, #begun, CHUNK do
		local due = {}
		for i = from, math.min(from + CHUNK - 1, #begun) do
			due[#due+1] = 0
			due[#due+1] = string.sub(begun[i], #dead + 2, #dead + 1 + ID)
		end
		call("ZADD", DUE, "XX", unpack(due))
	end
end

local evicted = false
if heard then
	for _, dead in ipairs(call("ZRANGEBYSCORE", WORKERS, "-inf", whole(now - lease))) do
		evict(dead)
		evicted = true
	end
end

-- The capacity of the queue is that of its workers; it is added up when one changes.
local drained = call("SISMEMBER", OURS .. "drain", worker)
local offers = drained == 1 and "0 0 0" or ARGV[5]
if call("HGET", OURS .. "capacity", worker) ~= offers or evicted or call("EXISTS", OURS .. "slots") == 0 then
	call("HSET", OURS .. "capacity", worker, offers)
	local sum, spare, share = 0, 0, 0
	for _, offer in ipairs(call("HVALS", OURS .. "capacity")) do
		local s, x, part = string.match(offer, "(%d+) (%d+) (%d+)")
		sum, spare, share = sum + s, spare + x, math.max(share, tonumber(part))
	end
	call("SET", OURS .. "slots", whole(sum) .. " " .. whole(spare) .. " " .. whole(share))
end

-- queued says what is wrong with a queued run, or nil and when to look again.
local function queued(id, fence, deadline)
	if deadline and now > deadline then return "late" end
	local task = taskOf(id, fence)
	local t = call("HMGET", TASK .. task, "state", "group")
	if not t[1] then -- one of an earlier version is of the next attempt
		task = taskOf(id, fence + 1)
		t = call("HMGET", TASK .. task, "state", "group")
	end
	if t[1] == "active" then
		local until_ = call("ZSCORE", ASYNQ .. "lease", task)
		if not until_ or until_ * 1000 < now then return "missing" end
		return nil, now + TAKEN
	elseif t[1] == "aggregating" then
		if not call("ZSCORE", ASYNQ .. "g:" .. (t[2] or ""), task) then return "missing" end
	elseif t[1] ~= "pending" and t[1] ~= "scheduled" and t[1] ~= "retry" then
		return "missing"
	end
	if deadline then return nil, math.min(now + LOOK_AFTER, deadline + 100) end
	return nil, now + LOOK_AFTER
end

-- running does the same for a running one.
local function running(of, deadline)
	if not of or not call("ZSCORE", WORKERS, of) then return "lost" end
	if deadline and now > deadline + GRACE then return "late" end
	if deadline then return nil, math.min(now + LOOK_AFTER, deadline + GRACE + 100) end
	return nil, now + LOOK_AFTER
end

local due = {}
for _, id in ipairs(call("ZRANGEBYSCORE", DUE, "-inf", whole(now), "LIMIT", 0, ARGV[4])) do
	local r = call("HMGET", RUN .. id, "state", "fence", "deadline", "worker")
	local state, fence, deadline = r[1], fenceOf(r[1], r[2]), tonumber(r[3] or "")
	local wrong, again = nil, nil
	if not state then
		call("ZREM", DUE, id) -- its record was deleted
	elseif state == "queued" then
		wrong, again = queued(id, fence, deadline)
	elseif state == "running" then
		wrong, again = running(r[4], deadline)
	elseif state == "waiting" then
		wrong = "wake"
	else
		wrong = "settle"
	end
	if state then lookAt(id, again or now + TAKEN) end
	if wrong then
		due[#due+1] = id
		due[#due+1] = whole(fence)
		due[#due+1] = wrong
	end
end
advance()
return {lost, due, drained}
