-- uses: keys run
-- tidy removes runs after their retention, with their journals, in the order of their
-- ends. With the last of the runs that continue each other it removes the mark by which
-- their files are kept. One worker at a time does it. While a history is kept it removes
-- only what the history has.
--
-- KEYS[1] due
-- ARGV[1] worker id  ARGV[2] retention in ms  ARGV[3] most runs to remove  ARGV[4] ms for which this worker is the one
-- ARGV[5] "1" when a history is kept, otherwise ""
--
-- Returns how many were removed, -1 when another worker is the one.
local STRAYS = 20 -- oldest runs of the index that are checked, because an earlier version may have settled them

local turn = call("GET", OURS .. "tidy")
if turn and turn ~= ARGV[1] then return -1 end
call("SET", OURS .. "tidy", ARGV[1], "PX", ARGV[4])

local ms = clock()
local history = ARGV[5] == "1"
local before = (ms - ARGV[2]) * 1000
local ids, keys, seen = {}, {}, {}
local origins = {} -- first of the runs that continue each other, by run

-- over reports whether a run may be removed; nil: there is no such run.
local function over(id)
	local r = call("HMGET", RUN .. id, "state", "finished", "origin", "recalled", "changed")
	origins[id] = r[3]
	if not r[1] then return nil end
	if history and r[5] then return false end -- the history does not have the change
	local since = r[4] or r[2]
	return not live(r[1]) and since and tonumber(since) < before
end

local function remove(id)
	if seen[id] then return end
	seen[id] = true
	ids[#ids+1] = id
	keys[#keys+1], keys[#keys+2] = RUN .. id, OURS .. "journal:" .. id
	local mark = origins[id] and OURS .. "origin:" .. origins[id]
	if mark and call("GET", mark) == id then keys[#keys+1] = mark end
end

local most = tonumber(ARGV[3])
local taken = 0
for _, name in ipairs(history and {"archived"} or {"archived", "ended"}) do
	local n = 0
	for _, id in ipairs(call("LRANGE", OURS .. name, 0, most - taken - 1)) do
		if over(id) == false then break end
		n = n + 1
		remove(id)
	end
	if n > 0 then call("LTRIM", OURS .. name, n, -1) end
	taken = taken + n
	if taken == most then break end
end
for _, id in ipairs(call("ZRANGE", OURS .. "index", 0, STRAYS - 1)) do
	local o = over(id)
	if o == nil or o and not history then remove(id) end
end
if #ids > 0 then
	call("UNLINK", unpack(keys))
	call("ZREM", OURS .. "index", unpack(ids))
end
return taken
