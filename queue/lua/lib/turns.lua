-- turns: how the flows of a queue share its workers' slots, see
-- docs/decisions/0007-flows-take-turns.md.
--
-- A run is in flight from the moment when its task is added to asynq's pending list
-- until it is parked or settled. While slots are free, a run is added to pending at once.
-- When all are used, it waits in a line of its flow, one for runs with a waiting caller
-- and one for the others, and advance moves runs from the lines to pending as others
-- leave. A flow with next to nothing in flight while others use all slots may use the
-- spare slots, through the express list.
--
-- The turn of a run is a text: "w" when a caller waits for it, otherwise "u"; the
-- number of its flow; "/" and the flow's share in percent, when it has one of
-- its own; ":" and the key by which its flow's runs take turns, when it has one.
-- A run without a turn, of an earlier version, is never in line.
local BUFFER = 8 -- minimum number of pending runs beyond the slots, so that a worker never waits for advance
local UNWAITED = 8 -- every 8th turn is for a run without a waiting caller
local APART = 4294967296 -- weight of one run in flight in the order of turns, above every number of a turn

local slots, spare, share -- of the live workers; nil until measured
local inPending, inExpress, running

-- measure reads the capacity and the load of the queue, once in a script.
local function measure()
	if slots then return end
	local s, x, part = string.match(call("GET", OURS .. "slots") or "", "(%d+) (%d+) (%d+)")
	slots, spare, share = tonumber(s or 0), tonumber(x or 0), tonumber(part or 0)
	if share == 0 then share = 50 end -- there is no worker
	inPending = call("LLEN", ASYNQ .. "pending")
	inExpress = call("LLEN", OURS .. "express")
	running = call("ZCARD", OURS .. "begun")
end

local function inFlight() return inPending + inExpress + running end

-- inFlightMost returns how many runs may be in flight, without those in spare slots.
local function inFlightMost() return slots + math.max(BUFFER, math.floor(slots / 4)) end

local parsed = {} -- turns that were parsed: many runs of a call have the same

local function parse(turn)
	local p = {string.match(turn, "^(%a)(%-?%d+)/?(%d*):?(.*)$")}
	parsed[turn] = p
	return p
end

-- parseTurn returns the class, the flow, its own share or "", and the key or "".
local function parseTurn(turn)
	local p = parsed[turn] or parse(turn)
	return p[1], p[2], p[3], p[4]
end

-- lineOf returns the name of the asynq group of a line, which asynqmon shows.
local function lineOf(class, flow, key)
	local name = "flow-" .. flow
	if class == "w" then name = name .. "-waited" end
	if key ~= "" then name = name .. "-" .. key end
	return name
end

local function flightOf(flow) return OURS .. "flight:" .. flow end

local joined = {} -- runs by flow that this call puts in flight; flush writes it
local flights = {} -- number of runs in flight of the flows that were read

local function inFlightOf(flow)
	if not flights[flow] then
		flights[flow] = call("SCARD", flightOf(flow)) + (joined[flow] and #joined[flow] or 0)
	end
	return flights[flow]
end

-- mayUseSpare reports whether a flow with n runs in flight may begin one more in a spare
-- slot: at most half of those that are left, so that some remain for the next flow. Half
-- of the spare slots are reserved for runs with a waiting caller.
local function mayUseSpare(class, n)
	local left = (class == "w" and spare or math.floor(spare / 2)) - math.max(0, running - slots) - inExpress
	return left > 0 and n < math.max(1, math.ceil(left / 2))
end

local shares = {} -- shares of the flows in line that were read; only stand changes them
local ownShares -- whether flows with a share of their own exist; nil until read

local function shareOf(flow)
	if ownShares == nil then ownShares = call("EXISTS", OURS .. "shares") == 1 end
	shares[flow] = ownShares and tonumber(call("HGET", OURS .. "shares", flow)) or share
	return shares[flow]
end

-- score orders the flows in line: by their runs in flight in proportion to their shares, and for equal
-- values by the number of their last turn, the lowest first.
local function score(flow, number)
	local n, part = flights[flow] or inFlightOf(flow), shares[flow] or shareOf(flow)
	if part ~= share then n = math.floor(n * share / part) end
	return n * APART + number % APART
end

local admitted = {pending = {}, front = {}, express = {}} -- tasks by list; flush writes them

-- admit adds a task to a list from which workers claim: "pending", "front" (of pending)
-- or "express". flush writes it.
local function admit(id, task, flow, list)
	local tasks = admitted[list]
	tasks[#tasks+1] = task
	if list == "express" then inExpress = inExpress + 1 else inPending = inPending + 1 end
	if not flow then return end
	local ids, n = joined[flow], flights[flow]
	if ids then ids[#ids+1] = id else joined[flow] = {id} end
	if n then flights[flow] = n + 1 end
end

-- flush writes the admitted tasks in the order of admit.
local function flush()
	inParts("LPUSH", ASYNQ .. "pending", admitted.pending)
	inParts("RPUSH", ASYNQ .. "pending", admitted.front)
	inParts("LPUSH", OURS .. "express", admitted.express)
	for flow, ids in pairs(joined) do inParts("SADD", flightOf(flow), ids) end
end

-- emptied removes a line that has become empty from the groups. It returns whether the
-- flow has another line.
local function emptied(class, flow, key)
	local keys = OURS .. "keys:" .. class .. flow
	call("SREM", ASYNQ .. "groups", lineOf(class, flow, key))
	if key ~= "" then call("ZREM", keys, key) end
	return call("EXISTS", keys, ASYNQ .. "g:" .. lineOf(class, flow, "")) > 0
end

-- leaveLine removes a task from its line, if it is in one.
local function leaveLine(task, turn)
	local class, flow, _, key = parseTurn(turn)
	local line = ASYNQ .. "g:" .. lineOf(class, flow, key)
	if call("ZREM", line, task) == 1 and call("EXISTS", line) == 0 and not emptied(class, flow, key) then
		call("ZREM", OURS .. "turns:" .. class, flow)
	end
end
