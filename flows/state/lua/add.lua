-- add adds to a whole number, once for each operation.
--
-- KEYS[1] value  KEYS[2] operation
-- ARGV[1] number to add  ARGV[2] ms for which the sum is kept, "0" without end
-- ARGV[3] operation id, "" for none  ARGV[4] name of the key  ARGV[5] ms for which the operation is stored
--
-- Returns the sum as text. Fails when the value is not a whole number of 64
-- bits, or the sum would not be one.
local call = redis.call
if ARGV[3] ~= "" then
	local known = call("GET", KEYS[2])
	if known then return known end
end
call("HINCRBY", KEYS[1], "v", ARGV[1])
local sum = call("HGET", KEYS[1], "v") -- as text: Lua's numbers are not exact
call("HSET", KEYS[1], "by", ARGV[3], "name", ARGV[4])
if ARGV[2] == "0" then call("PERSIST", KEYS[1]) else call("PEXPIRE", KEYS[1], ARGV[2]) end
if ARGV[3] ~= "" then call("SET", KEYS[2], sum, "PX", ARGV[5]) end
return sum
