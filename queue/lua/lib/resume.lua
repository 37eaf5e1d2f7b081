-- resume: how a new run continues one that has ended, with its journal. It uses run.
--
-- A run that continues another one is described by a JSON object: run, the one that has
-- ended; fence, its fence; origin, the first of the runs that continue each other; remove,
-- keys of journal entries; set, results of effects by key.

-- notResumable returns why a run cannot be continued: "gone", "moved" when it has not
-- ended, has succeeded, or is not at that fence, or "resumed" and the id of the run that
-- continues it already. nil: it can be.
local function notResumable(r)
	local had = call("HMGET", RUN .. r.run, "state", "fence", "resumed_by")
	if not had[1] then return "gone" end
	if live(had[1]) or had[1] == "succeeded" or tonumber(had[2]) ~= r.fence then return "moved" end
	return had[3] and "resumed" .. had[3] or nil
end

-- moveValue moves an entry of a journal with the pieces of its value. to: the key of
-- another journal; nil deletes them.
local function moveValue(from, key, value, to)
	local pieces = string.match(value or "", "^r?#(%d+):")
	for i = 0, tonumber(pieces or 0) - 1 do
		local field = key .. "#" .. whole(i)
		if to then call("HSET", to, field, call("HGET", from, field)) end
		call("HDEL", from, field)
	end
end

-- amend removes and sets the entries of a journal as r says.
local function amend(journal, r)
	for _, key in ipairs(r.remove) do
		moveValue(journal, key, call("HGET", journal, key) or "", nil)
		call("HDEL", journal, key)
	end
	for key, result in pairs(r.set) do call("HSET", journal, key, "r" .. result) end
end

-- continueRun lets a new run continue one that has ended, and returns the number of its
-- first attempt. The attempts of both are counted on, because the fence distinguishes them
-- in the journal that the new run takes over.
local function continueRun(id, r)
	local ended, old, new = RUN .. r.run, OURS .. "journal:" .. r.run, OURS .. "journal:" .. id
	call("HSET", ended, "resumed_by", id)
	changed(r.run)
	call("HSET", RUN .. id, "fence", whole(r.fence + 1), "origin", r.origin)
	call("SET", OURS .. "origin:" .. r.origin, id)
	if call("EXISTS", old) == 1 then
		call("RENAME", old, new)
		for _, field in ipairs({"early", "output"}) do -- which belong to the record of the ended run
			local value = call("HGET", ended, field)
			local key = string.match(value or "", "^#%d+:(.*)")
			if key then moveValue(new, key, value, old) end
		end
	end
	amend(new, r)
	return r.fence + 1
end
