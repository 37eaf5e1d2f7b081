-- uses: keys run turns advance
-- beat is the heartbeat of a worker. It renews the lease of all its runs at once,
-- returns those that the worker has lost, declares workers without a heartbeat dead,
-- and returns due runs for repair. Every worker does the reconciler's work: the first
-- one that asks receives a due run, and the run is due again only TAKEN later, so that
-- no other worker repairs it at the same time.
--
-- KEYS[1] due
-- ARGV[1] worker id  ARGV[2] session  ARGV[3] lease in ms  ARGV[4] most due runs
-- ARGV[5] capacity of the worker: slots, spare slots, and the share of a flow in
-- percent, separated by blanks
-- then three for each run: id, fence, and, for a run that becomes visible to asynq, the
-- expiry (unix seconds) of its entry in asynq's lease set, otherwise ""
--
-- Returns {ids of the runs that this worker has lost, due runs, 1 when this worker must
-- claim nothing new}; a due run is id, fence, reason: "lost" (its worker), "missing" (its
-- task), "late" (past its deadline), "wake" (parked until now), "settle" (ended, not
-- settled).
local TAKEN = 3000 -- ms for which only this worker repairs a due run
local GRACE = 3000 -- ms past its deadline after which a running run is stopped here instead of by its worker
local CHUNK = 1000 -- values in one call
local MOST_ACTIVE = 1000 -- maximum length of asynq's list of active tasks, because removing a task searches it

local worker, lease = ARGV[1], tonumber(ARGV[3])
local now = clock()

local lost = {}
for i = 6, #ARGV, 3 do
	local r = call("HMGET", RUN .. ARGV[i], "state", "fence", "worker")
	if not executes(r[1], r[2], ARGV[i+1], r[3], worker) then
		lost[#lost+1] = ARGV[i]
	elseif ARGV[i+2] ~= "" then
		local task = taskOf(ARGV[i], ARGV[i+1])
		local new = call("ZADD", ASYNQ .. "lease", ARGV[i+2], task) == 1 -- 0: this call is repeated
		call("HSET", TASK .. task, "state", "active")
		if new and call("LLEN", ASYNQ .. "active") < MOST_ACTIVE then call("LPUSH", ASYNQ .. "active", task) end
	end
end

local WORKERS = OURS .. "workers"
-- A worker whose own last heartbeat is older than a lease cannot tell which others have
-- died: Redis may have been unavailable to all of them. Its first heartbeat after that
-- declares none dead and gives all of them a new lease.
local before = call("ZSCORE", WORKERS, worker)
local heard = before and now - before < lease
if before and not heard then
	for _, other in ipairs(call("ZRANGE", WORKERS, 0, -1)) do call("ZADD", WORKERS, whole(now), other) end
end
call("ZADD", WORKERS, whole(now), worker)
local session = call("HGET", OURS .. "sessions", worker)
if not session or tonumber(session) < tonumber(ARGV[2]) then call("HSET", OURS .. "sessions", worker, ARGV[2]) end

-- giveBack returns the tasks in the inbox of a dead worker to their list.
local function giveBack(inbox, list)
	while true do
		local task = call("RPOP", inbox)
		if not task then return end
		call("RPUSH", list, task)
	end
end

-- evict removes a dead worker from the registry and makes its runs due.
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

-- The capacity of the queue is the sum of its workers'. It is computed when one changes.
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

-- queued returns the reason for which a queued run needs repair, or nil and the time of
-- the next check.
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

-- running does the same for a running run.
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
