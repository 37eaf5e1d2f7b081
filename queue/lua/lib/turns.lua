-- turns: how the flows of a queue share its workers' slots, see
-- docs/decisions/0007-flows-take-turns.md.
--
-- A run is in flight from when its task goes into asynq's pending list until it
-- is parked or settled. While slots are free, a run goes straight to pending. When all are
-- taken it stands in its flow's line, one for runs that somebody waits for and
-- one for the others, and advance moves runs from the lines to pending as
-- others leave. A flow that has next to nothing in flight while others have
-- taken all slots uses the spare slots, through the express list.
--
-- The turn of a run is a text: "w" when somebody waits for it, else "u"; the
-- number of its flow; "/" and the flow's share in percent, when it has one of
-- its own; ":" and the key by which its flow's runs take turns, when it has one.
-- A run without a turn, of an earlier version, is never in line.
local BUFFER = 8 -- runs in pending beyond the slots, at least, so that a worker never waits for advance
local UNWAITED = 8 -- one turn in so many is for runs that nobody waits for, while others wait
local APART = 4294967296 -- weight of one run in flight in the order of turns, above every number of a turn

local slots, spare, share -- of the live workers; nil until measured
local inPending, inExpress, running

-- measure reads how full the queue is, once in a script.
local function measure()
	if slots then return end
	local s, x, part = string.match(call("GET", OURS .. "slots") or "", "(%d+) (%d+) (%d+)")
	slots, spare, share = tonumber(s or 0), tonumber(x or 0), tonumber(part or 0)
	if share == 0 then share = 50 end -- no worker takes anything
	inPending = call("LLEN", ASYNQ .. "pending")
	inExpress = call("LLEN", OURS .. "express")
	running = call("ZCARD", OURS .. "begun")
end

local function inFlight() return inPending + inExpress + running end

-- inFlightMost is how many runs may be in flight, but for those in spare slots.
local function inFlightMost() return slots + math.max(BUFFER, math.floor(slots / 4)) end

local function parseTurn(turn)
	return string.match(turn, "^(%a)(%-?%d+)/?(%d*):?(.*)$")
end

-- lineOf names the asynq group that is a line: asynqmon shows it.
local function lineOf(class, flow, key)
	local name = "flow-" .. flow
	if class == "w" then name = name .. "-waited" end
	if key ~= "" then name = name .. "-" .. key end
	return name
end

local function flightOf(flow) return OURS .. "flight:" .. flow end

-- mayUseSpare tells whether a flow with n runs in flight may begin one more in
-- a spare slot: at most every second of those that are left, so that some
-- remain for the next flow. Half of them are for runs that somebody waits for.
local function mayUseSpare(class, n)
	local left = slots + (class == "w" and spare or math.floor(spare / 2)) - running - inExpress
	return left > 0 and n < math.max(1, math.ceil(left / 2))
end

local shares = {} -- of the flows in line that were asked for; they change by stand alone

-- score orders the flows that stand in line: by what they have in flight in proportion to their shares, and
-- among equals by whose last turn is longest ago.
local function score(flow, number)
	local part = shares[flow]
	if not part then
		part = tonumber(call("HGET", OURS .. "shares", flow)) or share
		shares[flow] = part
	end
	return whole(math.floor(call("SCARD", flightOf(flow)) * share / part) * APART + number % APART)
end

-- stand puts a task into its flow's line. at is when its run was accepted, in
-- microseconds.
local function stand(id, task, at, class, flow, part, key)
	local line = lineOf(class, flow, key)
	call("ZADD", ASYNQ .. "g:" .. line, at, task)
	call("SADD", ASYNQ .. "groups", line)
	if key ~= "" then call("ZADD", OURS .. "keys:" .. class .. flow, "NX", call("INCR", OURS .. "turn"), key) end
	if not call("ZSCORE", OURS .. "turns:" .. class, flow) then
		shares[flow] = nil
		if part ~= "" then
			call("HSET", OURS .. "shares", flow, part)
		else
			call("HDEL", OURS .. "shares", flow)
		end
		call("ZADD", OURS .. "turns:" .. class, score(flow, call("INCR", OURS .. "turn")), flow)
	end
	return line
end

-- rescore puts a flow that stands in line where it belongs after its number of
-- runs in flight has changed.
local function rescore(flow)
	for _, class in ipairs({"w", "u"}) do
		local ring = OURS .. "turns:" .. class
		local was = call("ZSCORE", ring, flow)
		if was then call("ZADD", ring, score(flow, was % APART), flow) end
	end
end

-- admit puts a task into the list of those that workers take: list is
-- "pending", "front" (of pending) or "express".
local function admit(id, task, flow, list)
	if flow then call("SADD", flightOf(flow), id) end
	if list == "express" then
		call("LPUSH", OURS .. "express", task)
		inExpress = inExpress + 1
		rescore(flow)
	else
		call(list == "front" and "RPUSH" or "LPUSH", ASYNQ .. "pending", task)
		inPending = inPending + 1
	end
end

-- listFor says into which list a run may go at once; nil: it has to stand in line.
local function listFor(class, flow)
	measure()
	local n = inFlight()
	if n < slots then return "pending" end
	if n < inFlightMost() and call("EXISTS", OURS .. "turns:w", OURS .. "turns:u") == 0 then
		return "pending"
	end
	if mayUseSpare(class, call("SCARD", flightOf(flow))) then return "express" end
	return nil
end

-- place finds a queued run's place: in pending, or in its flow's line. The
-- message is of its task, us the moment as text. front: at the head of pending.
local function place(id, task, message, us, turn, at, front)
	local class, flow, part, key
	if turn then class, flow, part, key = parseTurn(turn) end
	local list = front and "front" or "pending"
	if flow then
		local free = listFor(class, flow)
		if not free then
			local line = stand(id, task, at, class, flow, part, key)
			call("HSET", TASK .. task, "msg", message, "state", "aggregating", "group", line)
			return
		end
		if free == "express" then list = free end
	else
		measure()
	end
	call("HSET", TASK .. task, "msg", message, "state", "pending", "pending_since", us .. "000")
	admit(id, task, flow, list)
end

-- emptied forgets a line that has become empty, and the flow's turn when it was
-- the last one. It returns false when the flow has no other line.
local function emptied(class, flow, key)
	local keys = OURS .. "keys:" .. class .. flow
	call("SREM", ASYNQ .. "groups", lineOf(class, flow, key))
	if key ~= "" then call("ZREM", keys, key) end
	if call("EXISTS", keys, ASYNQ .. "g:" .. lineOf(class, flow, "")) > 0 then return true end
	call("ZREM", OURS .. "turns:" .. class, flow)
	return false
end

-- leaveLine takes a task out of its line, when it stands in one.
local function leaveLine(task, turn)
	local class, flow, _, key = parseTurn(turn)
	local line = ASYNQ .. "g:" .. lineOf(class, flow, key)
	if call("ZREM", line, task) == 1 and call("EXISTS", line) == 0 then emptied(class, flow, key) end
end

local turn -- the last one that was given; nil until it is read
local given = 0 -- turns given by this call
local changed = {} -- flows whose number of runs in flight has become less

-- leaveFlight says that a run is not in flight any more: it was parked, or has
-- ended.
local function leaveFlight(id, turn)
	if not turn then return end
	local _, flow = parseTurn(turn)
	if call("SREM", flightOf(flow), id) == 1 then changed[flow] = true end
end

-- take takes the first task out of a flow's lines: of the key whose turn it is.
-- It returns the task, and the number of the turn while the flow has more in
-- line: the caller then puts the flow behind its equals. Without a number the
-- flow is out of the order.
local function take(class, flow)
	local keys, key = OURS .. "keys:" .. class .. flow, ""
	turn = call("INCR", OURS .. "turn")
	given = given + 1
	local first = call("ZRANGE", keys, 0, 0)
	if first[1] then key = first[1] end
	local line = ASYNQ .. "g:" .. lineOf(class, flow, key)
	local task = call("ZPOPMIN", line)[1]
	if call("EXISTS", line) == 0 then
		if not emptied(class, flow, key) then return task end
	elseif key ~= "" then
		call("ZADD", keys, turn, key)
	end
	return task, turn
end

-- choose says which flow goes next and into which list; nil: there is no room,
-- or nobody waits.
local function choose(most)
	local classes = {"w", "u"}
	turn = turn or tonumber(call("GET", OURS .. "turn") or 0)
	if turn % UNWAITED == 0 then classes = {"u", "w"} end
	for _, class in ipairs(classes) do
		local flow = call("ZRANGE", OURS .. "turns:" .. class, 0, 0)[1]
		if flow and inFlight() < most then return class, flow, "pending" end
		if flow and mayUseSpare(class, call("SCARD", flightOf(flow))) then return class, flow, "express" end
	end
end

-- advance moves runs out of the lines for as long as there is room. us is the
-- moment, as text.
local function advance(us)
	if call("EXISTS", OURS .. "turns:w", OURS .. "turns:u", OURS .. "express") == 0 then return end
	measure()
	for flow in pairs(changed) do rescore(flow) end
	while inExpress > 0 and inFlight() - inExpress < slots do -- a slot is free, so it need not be a spare one
		call("LMOVE", OURS .. "express", ASYNQ .. "pending", "RIGHT", "RIGHT")
		inExpress, inPending = inExpress - 1, inPending + 1
	end
	local most = inFlightMost()
	while true do
		local class, flow, list = choose(most)
		if not class then break end
		local task, number = take(class, flow)
		if task and call("HGET", TASK .. task, "state") == "aggregating" then -- else it was deleted there: the reconciler sees to it
			call("HSET", TASK .. task, "state", "pending", "pending_since", us .. "000")
			call("HDEL", TASK .. task, "group")
			admit(string.sub(task, 1, ID), task, flow, list)
		end
		if number then call("ZADD", OURS .. "turns:" .. class, score(flow, number), flow) end
	end
	if given > 0 then call("INCRBY", OURS .. "given", given) end
end
