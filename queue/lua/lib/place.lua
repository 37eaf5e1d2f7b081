-- place: the list or line of a run that becomes queued. It uses turns.

-- listFor returns the list for a run that need not wait; nil: the run must wait in line.
local function listFor(class, flow)
	measure()
	local n = inFlight()
	if n < slots then return "pending" end
	if n < inFlightMost() and call("EXISTS", OURS .. "turns:w", OURS .. "turns:u") == 0 then
		return "pending"
	end
	if mayUseSpare(class, inFlightOf(flow)) then return "express" end
	return nil
end

-- stand adds a task to the line of its flow. at is the time of acceptance of its run,
-- in microseconds.
local function stand(id, task, at, class, flow, part, key)
	local line = lineOf(class, flow, key)
	call("ZADD", ASYNQ .. "g:" .. line, at, task)
	call("SADD", ASYNQ .. "groups", line)
	if key ~= "" then call("ZADD", OURS .. "keys:" .. class .. flow, "NX", call("INCR", OURS .. "turn"), key) end
	if not call("ZSCORE", OURS .. "turns:" .. class, flow) then
		shares[flow] = tonumber(part) or share
		if part ~= "" then
			call("HSET", OURS .. "shares", flow, part)
		else
			call("HDEL", OURS .. "shares", flow)
		end
		call("ZADD", OURS .. "turns:" .. class, whole(score(flow, call("INCR", OURS .. "turn"))), flow)
	end
	return line
end

-- rescore updates the score of a flow in line after its number of runs in flight has
-- changed.
local function rescore(flow)
	for _, class in ipairs({"w", "u"}) do
		local ring = OURS .. "turns:" .. class
		local was = call("ZSCORE", ring, flow)
		if was then call("ZADD", ring, whole(score(flow, was % APART)), flow) end
	end
end

-- place enqueues the task of a queued run: in pending, in express, or in the line of its
-- flow. message is asynq's encoding of the task, us the time as text. front: at the
-- head of pending.
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
	if list == "express" then rescore(flow) end
end
