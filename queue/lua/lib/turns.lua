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

-- lineOf names the asynq group that is a line: asynqmon shows it.
local function lineOf(class, flow, key)
	local name = "flow-" .. flow
	if class == "w" then name = name .. "-waited" end
	if key ~= "" then name = name .. "-" .. key end
	return name
end

local function flightOf(flow) return OURS .. "flight:" .. flow end

local joined = {} -- runs by flow that are in flight now; flush writes it
local flights = {} -- how many runs are in flight, of the flows that were asked for

local function inFlightOf(flow)
	if not flights[flow] then
		flights[flow] = call("SCARD", flightOf(flow)) + (joined[flow] and #joined[flow] or 0)
	end
	return flights[flow]
end

-- mayUseSpare tells whether a flow with n runs in flight may begin one more in
-- a spare slot: at most every second of those that are left, so that some
-- remain for the next flow. Half of them are for runs that somebody waits for.
local function mayUseSpare(class, n)
	local left = slots + (class == "w" and spare or math.floor(spare / 2)) - running - inExpress
	return left > 0 and n < math.max(1, math.ceil(left / 2))
end

local shares = {} -- of the flows in line that were asked for; they change by stand alone
local ownShares -- whether there are flows with a share of their own; nil until asked

local function shareOf(flow)
	if ownShares == nil then ownShares = call("EXISTS", OURS .. "shares") == 1 end
	shares[flow] = ownShares and tonumber(call("HGET", OURS .. "shares", flow)) or share
	return shares[flow]
end

-- score orders the flows that stand in line: by what they have in flight in proportion to their shares, and
-- among equals by whose last turn is longest ago.
local function score(flow, number)
	local n, part = flights[flow] or inFlightOf(flow), shares[flow] or shareOf(flow)
	if part ~= share then n = math.floor(n * share / part) end
	return n * APART + number % APART
end

local admitted = {pending = {}, front = {}, express = {}} -- tasks by list; flush writes them

-- admit puts a task into the list of those that workers take: list is
-- "pending", "front" (of pending) or "express". flush writes it.
local function admit(id, task, flow, list)
	local tasks = admitted[list]
	tasks[#tasks+1] = task
	if list == "express" then inExpress = inExpress + 1 else inPending = inPending + 1 end
	if not flow then return end
	local ids, n = joined[flow], flights[flow]
	if ids then ids[#ids+1] = id else joined[flow] = {id} end
	if n then flights[flow] = n + 1 end
end

-- flush writes what was admitted, in the order in which it was.
local function flush()
	inParts("LPUSH", ASYNQ .. "pending", admitted.pending)
	inParts("RPUSH", ASYNQ .. "pending", admitted.front)
	inParts("LPUSH", OURS .. "express", admitted.express)
	for flow, ids in pairs(joined) do inParts("SADD", flightOf(flow), ids) end
end

-- emptied forgets a line that has become empty. It returns whether the flow has
-- another line.
local function emptied(class, flow, key)
	local keys = OURS .. "keys:" .. class .. flow
	call("SREM", ASYNQ .. "groups", lineOf(class, flow, key))
	if key ~= "" then call("ZREM", keys, key) end
	return call("EXISTS", keys, ASYNQ .. "g:" .. lineOf(class, flow, "")) > 0
end

-- leaveLine takes a task out of its line, when it stands in one.
local function leaveLine(task, turn)
	local class, flow, _, key = parseTurn(turn)
	local line = ASYNQ .. "g:" .. lineOf(class, flow, key)
	if call("ZREM", line, task) == 1 and call("EXISTS", line) == 0 and not emptied(class, flow, key) then
		call("ZREM", OURS .. "turns:" .. class, flow)
	end
end
