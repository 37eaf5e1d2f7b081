-- uses: keys run
-- tidy removes runs after their retention, with their journals, in the order of their
-- ends. With the last of the runs that continue each other it removes the mark by which
-- their files are kept. One worker at a time does it.
--
-- KEYS[1] due
-- ARGV[1] worker id  ARGV[2] retention in ms  ARGV[3] most runs to remove  ARGV[4] ms for which this worker is the one
--
-- Returns how many were removed, -1 when another worker is the one.
local STRAYS = 20 -- oldest runs of the index that are checked, because an earlier version may have settled them

local turn = call("GET", OURS .. "tidy")
if turn and turn ~= ARGV[1] then return -1 end
call("SET", OURS .. "tidy", ARGV[1], "PX", ARGV[4])

local ms = clock()
local before = (ms - ARGV[2]) * 1000
local ids, keys, seen = {}, {}, {}
local origins = {} -- first of the runs that continue each other, by run

-- over reports whether the retention of a run has passed; nil: there is no such run.
local function over(id)
	local r = call("HMGET", RUN .. id, "state", "finished", "origin")
	origins[id] = r[3]
	if not r[1] then return nil end
	return not live(r[1]) and r[2] and tonumber(r[2]) < before
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
local list = call("LRANGE", OURS .. "ended", 0, most - 1)
local taken = 0
for _, id in ipairs(list) do
	if over(id) == false then break end
	taken = taken + 1
	remove(id)
end
if taken > 0 then call("LTRIM", OURS .. "ended", taken, -1) end
for _, id in ipairs(call("ZRANGE", OURS .. "index", 0, STRAYS - 1)) do
	if over(id) ~= false then remove(id) end
end
if #ids > 0 then
	call("UNLINK", unpack(keys))
	call("ZREM", OURS .. "index", unpack(ids))
end
return taken
