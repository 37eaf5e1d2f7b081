-- window: the runs that collect events, see run.debounce and run.batch. It uses run.
--
-- From its acceptance until its first task is enqueued, such a run is in the state "waiting", without an attempt, and has the
-- field window: the hash of its key. A key has at most one run that takes further events: that of the key window: + hash, which
-- expires when the run is due.
local WINDOW, BATCH = OURS .. "window:", OURS .. "batch:"

-- collecting returns the run that takes the events of a key, and what follows its id in window: + hash; nil: there is none.
local function collecting(hash)
	local value = call("GET", WINDOW .. hash)
	local id = value and string.sub(value, 1, ID)
	if id and call("HGET", RUN .. id, "window") == hash then return id, string.sub(value, ID + 1) end
end

-- openWindow makes a run wait for the events of a key until a time in ms. rest follows its id in window: + hash.
local function openWindow(id, hash, now, until_, rest, flow)
	call("HSET", RUN .. id, "window", hash, "until", whole(until_), "gated", flow)
	call("SET", WINDOW .. hash, id .. rest, "PX", whole(math.max(1, until_ - now)))
	call("SADD", OURS .. "gated:" .. flow, id) -- they are bounded like the runs at a concurrency limit
	call("SADD", OURS .. "collecting", id)
	lookAt(id, until_)
end

-- closeWindow ends the collecting of a run, whose fields window and gated are known. Its batch becomes its event.
local function closeWindow(id, window, gated)
	local value = call("GET", WINDOW .. window)
	if value and string.sub(value, 1, ID) == id then call("DEL", WINDOW .. window) end
	local batch = call("GET", BATCH .. id)
	if batch then
		call("HSET", RUN .. id, "event", '{"events":[' .. batch .. "]}")
		call("DEL", BATCH .. id)
	end
	call("SREM", OURS .. "gated:" .. gated, id)
	call("SREM", OURS .. "collecting", id)
	call("HDEL", RUN .. id, "window", "until", "gated")
end
