-- advance: how runs in line move up when others leave. It uses turns. The order of the
-- flows and the heads of their lines are read in parts, and each key is written once:
-- except for its own task, a run that moves up costs next to nothing.
local PART, PART_END = 8, "7" -- flows that are read at once, and the rank of the last one of the first part

local left = {} -- runs by flow that are no longer in flight; advance writes it

-- leaveFlight removes a run that was parked or has ended from the runs in flight.
-- advance writes it.
local function leaveFlight(id, turn)
	if not turn then return end
	local flow = (parsed[turn] or parse(turn))[2]
	local ids = left[flow]
	if ids then ids[#ids+1] = id else left[flow] = {id} end
end

-- moveUp moves runs in line up, and returns whether some remain in line (more than 0).
-- Its functions are created only when it is called, because there are mostly no runs in
-- line.
local function moveUp()
	-- A ring is the order of the flows of a class that are in line: those that were
	-- read, the next one first. A flow has a score; a number, that of its last turn,
	-- once that or its runs in flight have changed; and its line, unless its runs have
	-- keys. byFlow is false for a flow that is no longer in line.
	local function ringOf(class) return {class = class, key = OURS .. "turns:" .. class, read = 0, upTo = -1, byFlow = {}, gone = {}} end

	local waited, unwaited = ringOf("w"), ringOf("u")
	local turn = tonumber(call("GET", OURS .. "turn") or 0) -- the number of the last turn
	local before = turn
	local lines = {} -- the lines that were read, by key

	-- insert puts a flow into a ring, behind those with the same score.
	local function insert(ring, f, score)
		local i = #ring
		while i > 0 and ring[i].score > score do
			ring[i+1] = ring[i]
			i = i - 1
		end
		f.score, ring[i+1] = score, f
	end

	-- rescore moves a flow in the ring after its number of runs in flight has changed.
	-- The first part of the ring must have been read.
	local function rescore(ring, flow)
		local f, was = ring.byFlow[flow], nil
		if f then
			was = f.score
			for i = 1, #ring do
				if ring[i] == f then
					table.remove(ring, i)
					break
				end
			end
		elseif not ring.whole then
			f, was = {flow = flow}, call("ZSCORE", ring.key, flow)
		end
		if not was then return end
		f.number, ring.byFlow[flow] = was % APART, f
		insert(ring, f, score(flow, f.number))
	end

	-- nextOf returns the flow of a ring whose turn is next; nil: none is in line.
	local function nextOf(ring)
		while not ring.whole and (not ring[1] or ring[1].score > ring.upTo) do
			local more = ring.read == 0 and call("ZRANGE", ring.key, "0", PART_END, "WITHSCORES")
				or call("ZRANGE", ring.key, ring.read, ring.read + PART - 1, "WITHSCORES")
			for i = 1, #more, 2 do
				local flow = more[i]
				ring.upTo = tonumber(more[i+1])
				if ring.byFlow[flow] == nil then -- otherwise it has its place already
					local f = {flow = flow}
					ring.byFlow[flow] = f
					insert(ring, f, ring.upTo)
				end
			end
			ring.read, ring.whole = ring.read + #more / 2, #more < 2 * PART
		end
		return ring[1]
	end

	-- openLine returns the line of a flow's next run: that of the key whose turn is next.
	-- room is the number of runs that may still begin; the flow is likely to get a part of
	-- it, which is how many tasks are read. In a line, at is the number of read tasks that
	-- were taken, and last the index of the last task of the line once it was read.
	local function openLine(ring, f, room)
		local l, key = f.line, ""
		if not l then
			local keys = OURS .. "keys:" .. ring.class .. f.flow
			key = call("ZRANGE", keys, "0", "0")[1] or ""
			local name = ASYNQ .. "g:" .. lineOf(ring.class, f.flow, key)
			l = lines[name] or {name = name, key = key, taken = 0, at = 0, tasks = {}}
			lines[name] = l
			if key ~= "" then call("ZADD", keys, turn, key) else f.line = l end
		end
		if l.at == #l.tasks then
			local part = math.max(1, math.ceil(room / (#ring + 1)), l.taken)
			l.tasks, l.at = call("ZRANGE", l.name, l.taken, l.taken + part), 0
			if #l.tasks > part then -- one more than needed was read: the line continues
				table.remove(l.tasks)
			else
				l.last = #l.tasks
			end
		end
		return l
	end

	-- closeLine removes a line whose last task was taken, and returns whether its flow has another one.
	local function closeLine(ring, f, l)
		lines[l.name], f.line = nil, nil
		call("DEL", l.name)
		if emptied(ring.class, f.flow, l.key) then return true end
		ring.byFlow[f.flow] = false
		table.insert(ring.gone, f.flow)
		return false
	end

	-- mayUse reports whether the next flow of a ring may use a spare slot.
	local function mayUse(ring) return ring[1] and mayUseSpare(ring.class, inFlightOf(ring[1].flow)) end

	-- fill moves runs from the lines to pending and express while there is room.
	local function fill()
		local most, _, us = inFlightMost(), clock()
		local since = us .. "000"
		while true do
			local room, list = most - inPending - inExpress - running, "pending"
			local ring, other = waited, unwaited
			if turn % UNWAITED == 0 then ring, other = unwaited, waited end
			if room <= 0 then
				list = "express"
				if not mayUse(ring) then
					if not mayUse(other) then break end
					ring = other
				end
			elseif not ring[1] then
				if not other[1] then break end
				ring = other
			end
			local f, more = table.remove(ring, 1), true
			turn = turn + 1
			local l = f.line
			if not l or l.at == #l.tasks then l = openLine(ring, f, room) end
			local at = l.at + 1
			local task = l.tasks[at]
			l.at, l.taken = at, l.taken + 1
			if l.last and at >= l.last then more = closeLine(ring, f, l) end
			-- A task without a state was deleted: the reconciler repairs its run.
			if task and call("HSET", TASK .. task, "state", "pending", "pending_since", since) == 1 then
				admit(string.sub(task, 1, ID), task, f.flow, list)
			elseif task then
				call("DEL", TASK .. task)
			end
			if more then
				f.number = turn
				insert(ring, f, score(f.flow, turn))
			end
			if not ring.whole then nextOf(ring) end
		end
		for line, l in pairs(lines) do
			if l.taken > 0 then call("ZREMRANGEBYRANK", line, "0", l.taken - 1) end
		end
		if turn > before then
			call("INCRBY", OURS .. "turn", turn - before)
			call("INCRBY", OURS .. "given", turn - before)
		end
		flush()
	end

	-- store writes the order of a ring, and returns 1 when flows remain in line, otherwise 0.
	local function store(ring)
		local scores = {}
		for flow, f in pairs(ring.byFlow) do
			if f and f.number then scores[#scores+1], scores[#scores+2] = whole(score(flow, f.number)), flow end
		end
		inParts("ZADD", ring.key, scores)
		inParts("ZREM", ring.key, ring.gone)
		return nextOf(ring) and 1 or 0
	end

	for _, ring in ipairs({waited, unwaited}) do
		nextOf(ring)
		for flow in pairs(left) do rescore(ring, flow) end
	end
	fill()
	return store(waited) + store(unwaited)
end

-- advance writes which runs have left their workers and are no longer in flight, and
-- moves runs in line up. It returns whether flows are in line (more than 0).
local function advance()
	leaveWorkers()
	local standing = call("EXISTS", OURS .. "turns:w", OURS .. "turns:u", OURS .. "express")
	for flow, ids in pairs(left) do
		inParts("SREM", flightOf(flow), ids)
		flights[flow] = nil
	end
	if standing == 0 then return 0 end
	measure()
	while inExpress > 0 and inFlight() - inExpress < slots do -- a regular slot is free, so no spare one is needed
		call("LMOVE", OURS .. "express", ASYNQ .. "pending", "RIGHT", "RIGHT")
		inExpress, inPending = inExpress - 1, inPending + 1
	end
	return moveUp()
end
