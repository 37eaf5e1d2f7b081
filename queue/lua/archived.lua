-- uses: keys run
-- archived notes that the history has stored the first runs of the list of ended runs:
-- they move to the list of archived runs, from which tidy removes them. It stops at a run
-- that is another one than the caller has read, or has changed since: it must be read
-- again. Of the record it deletes what only a live run needs.
--
-- KEYS[1] due
-- ARGV two for each run: run id, its field changed as it was read, or ""
--
-- Returns how many were moved.
local moved = {}
local first = call("LRANGE", OURS .. "ended", 0, #ARGV / 2 - 1)

for i = 1, #ARGV, 2 do
	local id = ARGV[i]
	if first[(i+1)/2] ~= id or (call("HGET", RUN .. id, "changed") or "") ~= ARGV[i+1] then break end
	moved[#moved+1] = id
	call("HDEL", RUN .. id, "changed", "turn", "reply", "deadline", "limit", "entered", "gated", "gates")
end
if #moved > 0 then
	call("LTRIM", OURS .. "ended", #moved, -1)
	inParts("RPUSH", OURS .. "archived", moved)
end
return #moved
