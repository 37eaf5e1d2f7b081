-- schema records that a process of a schema uses the store, unless the store
-- needs a later one.
--
-- KEYS[1] schema
-- ARGV[1] schema of the process  [2] least schema that is compatible with it
--
-- Returns the least schema that a process must have.
local mine = tonumber(ARGV[1])
local least = tonumber(redis.call("HGET", KEYS[1], "least") or "0")
if least > mine then return least end
if tonumber(redis.call("HGET", KEYS[1], "version") or "0") < mine then
  least = math.max(least, tonumber(ARGV[2]))
  redis.call("HSET", KEYS[1], "version", ARGV[1], "least", string.format("%.0f", least))
end
return least
