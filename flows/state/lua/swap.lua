-- swap changes a value if a condition holds.
--
-- KEYS[1] value  KEYS[2] operation
-- ARGV[1] condition: always, absent, equal, free  ARGV[2] "1" when there is a new value  ARGV[3] new value
-- ARGV[4] ms for which it is kept, "0" without end  ARGV[5] "1" when there is an old value  ARGV[6] old value
-- ARGV[7] operation id, "" for none  ARGV[8] name of the key  ARGV[9] ms for which the operation is stored
--
-- Returns {"1" when the change was made, now or before by the same operation,
-- the current value, or nothing when there is none}.
local call = redis.call
local r = call("HMGET", KEYS[1], "v", "by")
local value, by = r[1], r[2]

local function answer(done, held)
	if held then return {done, held} end
	return {done}
end

if ARGV[7] ~= "" then
	if value and by == ARGV[7] then return answer("1", value) end
	if ARGV[1] == "equal" and call("EXISTS", KEYS[2]) == 1 then return answer("1", value) end
end

local same
if ARGV[5] == "1" then same = value == ARGV[6] else same = not value end
if ARGV[1] == "absent" and value or ARGV[1] == "equal" and not same or ARGV[1] == "free" and value and not same then
	return answer("0", value)
end

if ARGV[7] ~= "" and ARGV[1] == "equal" then call("SET", KEYS[2], "1", "PX", ARGV[9]) end
if ARGV[2] ~= "1" then
	call("DEL", KEYS[1])
	return {"1"}
end
call("HSET", KEYS[1], "v", ARGV[3], "by", ARGV[7], "name", ARGV[8])
if ARGV[4] == "0" then call("PERSIST", KEYS[1]) else call("PEXPIRE", KEYS[1], ARGV[4]) end
return {"1", ARGV[3]}
