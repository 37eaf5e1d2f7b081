-- beat is a worker's sign of life: it renews the leases of all its runs, keeps
-- its inbox, gives the inboxes of dead workers back to the queue, and takes
-- over what is due. Any worker does the reconciler's work: whoever comes first
-- takes a due run for a moment, so that nobody else looks at it as well.
--
-- KEYS[1] due  KEYS[2] inboxes  KEYS[3] pending  KEYS[4] task lease
-- ARGV[1] worker id  ARGV[2] lease in ms  ARGV[3] inbox prefix  ARGV[4] run prefix
-- ARGV[5] task prefix  ARGV[6] most due runs  then run id and fence of each run
--
-- Returns {ids of the runs that are not ours any more, due runs}; a due run is
-- id, fence, what is wrong: "lost" (its worker), "missing" (its task),
-- "late" (past its deadline), "wake" (parked until now), "settle" (ended, not settled).
local DEAD = 5000 -- ms without a beat after which an inbox is given back
local TAKEN = 3000 -- ms for which a due run is ours to mend
local LATER = 15000 -- ms until a healthy queued run is looked at again
local GRACE = 3000 -- ms past its deadline after which a running run's worker is not trusted to end it

local call = redis.call
local time = call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function at(ms) return string.format("%d", ms) end

local lost = {}
for i = 7, #ARGV, 2 do
	local r = call("HMGET", ARGV[4] .. ARGV[i], "state", "fence")
	if r[1] == "running" and r[2] == ARGV[i+1] then
		call("ZADD", KEYS[1], at(now + ARGV[2]), ARGV[i])
	else
		lost[#lost+1] = ARGV[i]
	end
end

call("ZADD", KEYS[2], at(now), ARGV[1])
for _, worker in ipairs(call("ZRANGEBYSCORE", KEYS[2], "-inf", at(now - DEAD))) do
	local inbox = ARGV[3] .. worker
	while true do
		local id = call("RPOP", inbox)
		if not id then break end
		call("RPUSH", KEYS[3], id)
	end
	call("ZREM", KEYS[2], worker)
end

-- queued says what is wrong with a queued run, or nil and when to look again.
local function queued(id, fence, deadline)
	if deadline and now > deadline then return "late" end
	local task = id .. "." .. string.format("%d", fence + 1)
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

local due = {}
for _, id in ipairs(call("ZRANGEBYSCORE", KEYS[1], "-inf", at(now), "LIMIT", 0, ARGV[6])) do
	local r = call("HMGET", ARGV[4] .. id, "state", "fence", "deadline")
	local state, fence, deadline = r[1], tonumber(r[2] or "0"), tonumber(r[3] or "")
	local wrong, again = nil, now + TAKEN
	if not state then
		call("ZREM", KEYS[1], id) -- expired or flushed away
	elseif state == "queued" then
		wrong, again = queued(id, fence, deadline)
		again = again or now + TAKEN
	elseif state == "running" then
		wrong = deadline and now > deadline + GRACE and "late" or "lost"
	elseif state == "waiting" then
		wrong = "wake"
	else
		wrong = "settle"
	end
	if state then call("ZADD", KEYS[1], at(again), id) end
	if wrong then
		due[#due+1] = id
		due[#due+1] = at(fence)
		due[#due+1] = wrong
	end
end
return {lost, due}
