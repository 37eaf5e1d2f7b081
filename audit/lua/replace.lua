-- replace sets a field of a hash, if it still has the value that the caller knows.
--
-- KEYS[1] hash  ARGV[1] field  [2] known value  [3] new value
--
-- Returns 1, or 0 if the field has another value.
if redis.call("HGET", KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call("HSET", KEYS[1], ARGV[1], ARGV[3])
return 1
