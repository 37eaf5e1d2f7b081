-- advance: how runs move up when others have left. It uses turns. The order of
-- the flows and the heads of their lines are read in parts, and each key is
-- written once: beside its own task, a run that moves up costs next to nothing.
local PART = 8 -- flows, or tasks of a line, that are read at once

local left = {} -- runs by flow that are not in flight any more

-- leaveFlight says that a run is not in flight any more: it was parked, or has
-- ended. advance writes it.
local function leaveFlight(id, turn)
	if not turn then return end
	local _, flow = parseTurn(turn)
	local ids = left[flow]
	if ids then ids[#ids+1] = id else left[flow] = {id} end
end

-- A ring is the order of the flows of a class that are in line: those that were
-- read, the next one first. A flow there has a score, the number of its last
-- turn once that or its runs in flight have changed, and its line unless its
-- runs have keys. byFlow says false of one that is not in line any more.
local function ringOf(class) return {class = class, key = OURS .. "turns:" .. class, read = 0, upTo = -1, byFlow = {}, gone = {}} end

local waited, unwaited = ringOf("w"), ringOf("u")
local WAITED_FIRST, UNWAITED_FIRST = {waited, unwaited}, {unwaited, waited}
local lines = {} -- the first tasks of lines, by key: as many as were needed
local turn -- the last one that was given
local given = 0 -- turns given by this call

-- insert puts a flow into a ring, behind those with the same score.
local function insert(ring, f)
	local i = #ring
	while i > 0 and ring[i].score > f.score do
		ring[i+1] = ring[i]
		i = i - 1
	end
	ring[i+1] = f
	ring.byFlow[f.flow] = f
end

-- queueUp gives a flow its place in the order after its last turn or its runs
-- in flight have changed.
local function queueUp(ring, f, number)
	f.number, f.score = number, score(f.flow, number)
	insert(ring, f)
end

-- rescore puts a flow that is in line where it belongs after its number of
-- runs in flight has changed. The first part of the ring has been read.
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
	if was then queueUp(ring, f, was % APART) end
end

-- nextOf is the flow of a ring whose turn it is; nil: none is in line.
local function nextOf(ring)
	while not ring.whole and (not ring[1] or ring[1].score > ring.upTo) do
		local more = call("ZRANGE", ring.key, ring.read, ring.read + PART - 1, "WITHSCORES")
		for i = 1, #more, 2 do
			ring.upTo = tonumber(more[i+1])
			if ring.byFlow[more[i]] == nil then insert(ring, {flow = more[i], score = ring.upTo}) end -- else it has its place
		end
		ring.read, ring.whole = ring.read + #more / 2, #more < 2 * PART
	end
	return ring[1]
end

-- takeFrom takes the first task out of a line, and says whether it was the last.
local function takeFrom(line)
	local l = lines[line]
	if not l then
		l = {taken = 0}
		lines[line] = l
	end
	while not l.whole and #l < l.taken + 2 do
		local read, part = #l, math.max(PART, #l)
		for i, task in ipairs(call("ZRANGE", line, read, read + part - 1)) do l[read+i] = task end
		l.whole = #l < read + part
	end
	l.taken = l.taken + 1
	return l[l.taken], l.taken >= #l
end

-- take takes the first task out of the lines of the flow whose turn it is: of
-- the key whose turn it is. A flow that has more in line goes behind its equals.
-- It returns the task and its flow.
local function take(ring)
	local f = table.remove(ring, 1)
	turn, given = turn + 1, given + 1
	local line, key = f.line, ""
	if not line then
		local keys = OURS .. "keys:" .. ring.class .. f.flow
		key = call("ZRANGE", keys, 0, 0)[1] or ""
		line = ASYNQ .. "g:" .. lineOf(ring.class, f.flow, key)
		if key ~= "" then call("ZADD", keys, turn, key) else f.line = line end
	end
	local task, last = takeFrom(line)
	if last then
		lines[line] = nil
		call("DEL", line)
		if not emptied(ring.class, f.flow, key) then
			ring.byFlow[f.flow] = false
			table.insert(ring.gone, f.flow)
			return task, f.flow
		end
	end
	return task, f.flow, f
end

-- choose says from which ring a run goes next and into which list; nil: there is no room,
-- or nobody waits.
local function choose(most)
	for _, ring in ipairs(turn % UNWAITED == 0 and UNWAITED_FIRST or WAITED_FIRST) do
		local f = nextOf(ring)
		if f and inFlight() < most then return ring, "pending" end
		if f and mayUseSpare(ring.class, inFlightOf(f.flow)) then return ring, "express" end
	end
end

-- moveUp moves runs out of the lines for as long as there is room.
local function moveUp()
	local most, _, us = inFlightMost(), clock()
	local since = us .. "000"
	while true do
		local ring, list = choose(most)
		if not ring then break end
		local task, flow, more = take(ring)
		-- A task without a state was deleted: the reconciler sees to its run.
		if task and call("HSET", TASK .. task, "state", "pending", "pending_since", since) == 1 then
			admit(string.sub(task, 1, ID), task, flow, list)
		elseif task then
			call("DEL", TASK .. task)
		end
		if more then queueUp(ring, more, turn) end
	end
	for line, l in pairs(lines) do call("ZREMRANGEBYRANK", line, 0, l.taken - 1) end
	if given > 0 then
		call("INCRBY", OURS .. "turn", given)
		call("INCRBY", OURS .. "given", given)
	end
	flush()
end

-- advance writes who is not in flight any more, and lets those in line move
-- up. It returns whether flows are in line (more than 0).
local function advance()
	local standing = call("EXISTS", waited.key, unwaited.key, OURS .. "express")
	for flow, ids in pairs(left) do
		inParts("SREM", flightOf(flow), ids)
		flights[flow] = nil
	end
	if standing == 0 then return 0 end
	measure()
	while inExpress > 0 and inFlight() - inExpress < slots do -- a slot is free, so it need not be a spare one
		call("LMOVE", OURS .. "express", ASYNQ .. "pending", "RIGHT", "RIGHT")
		inExpress, inPending = inExpress - 1, inPending + 1
	end
	turn = tonumber(call("GET", OURS .. "turn") or 0)
	for _, ring in ipairs(WAITED_FIRST) do
		nextOf(ring)
		for flow in pairs(left) do rescore(ring, flow) end
	end
	moveUp()
	standing = 0
	for _, ring in ipairs(WAITED_FIRST) do
		if nextOf(ring) then standing = standing + 1 end
		local scores = {}
		for flow, f in pairs(ring.byFlow) do
			if f and f.number then scores[#scores+1], scores[#scores+2] = whole(score(flow, f.number)), flow end
		end
		inParts("ZADD", ring.key, scores)
		inParts("ZREM", ring.key, ring.gone)
	end
	return standing
end
