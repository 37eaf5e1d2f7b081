-- take makes a batch of the alerts that are due. While a batch is not done, it returns that one again.
--
-- KEYS[1] pending  KEYS[2] due  KEYS[3] sent  KEYS[4] batch  KEYS[5] sequence
-- ARGV[1] now, unix ms  ARGV[2] most alerts  ARGV[3] ms to keep the keys  ARGV[4] ms between two alerts of one key
--
-- Returns the batch: its number, the number of alerts that are left out, and the alerts (JSON), with "\n" between them;
-- nil when no alert is due.
local call = redis.call
local batch = call("GET", KEYS[4])
if batch then return batch end
local keys = call("ZRANGEBYSCORE", KEYS[2], "-inf", ARGV[1], "LIMIT", 0, ARGV[2])
call("ZREMRANGEBYSCORE", KEYS[3], "-inf", ARGV[1] - ARGV[4])
if #keys == 0 then return nil end
local alerts = {call("INCR", KEYS[5]), call("HGET", KEYS[1], "more") or 0}
for _, key in ipairs(keys) do
	alerts[#alerts+1] = call("HGET", KEYS[1], key)
	call("ZADD", KEYS[3], ARGV[1], key)
end
call("HDEL", KEYS[1], "more", unpack(keys))
call("ZREM", KEYS[2], unpack(keys))
batch = table.concat(alerts, "\n")
call("SET", KEYS[4], batch)
for _, key in ipairs(KEYS) do call("PEXPIRE", key, ARGV[3]) end
return batch
