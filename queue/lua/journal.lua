-- journal records an effect of a run through its fence.
--
-- KEYS[1] run  KEYS[2] journal
-- ARGV[1] fence that must hold  ARGV[2] step key  ARGV[3] what to record:
-- "s" and a word of its own for a start, else "r" and the result
--
-- Returns what was known of the effect before, "" for nothing, or nil for a
-- stale fence. A result is never replaced.
local r = redis.call("HMGET", KEYS[1], "state", "fence")
if r[1] ~= "running" or r[2] ~= ARGV[1] then return nil end
local known = redis.call("HGET", KEYS[2], ARGV[2]) or ""
if string.sub(known, 1, 1) ~= "r" then
	redis.call("HSET", KEYS[2], ARGV[2], ARGV[3])
end
return known
