-- decide advances a flow's mark, never back: a worker that was stopped and
-- continues does not change later decisions of others.
--
-- KEYS[1] marks  KEYS[2] claims
-- ARGV[1] worker  ARGV[2] flow number  ARGV[3] time that is decided, unix seconds, "" for none
-- ARGV[4] run that was started last  ARGV[5] milliseconds until the claim expires, 0 to release it
local mark = redis.call("HGET", KEYS[1], ARGV[2])
local before = tonumber(string.match(mark or "", "^%d+") or "-1")
if ARGV[3] ~= "" and tonumber(ARGV[3]) > before then
	redis.call("HSET", KEYS[1], ARGV[2], ARGV[3] .. " " .. ARGV[4])
end
local claim = redis.call("HGET", KEYS[2], ARGV[2])
if not claim or string.match(claim, " (.*)$") ~= ARGV[1] then return end
if ARGV[5] == "0" then
	redis.call("HDEL", KEYS[2], ARGV[2])
else
	local time = redis.call("TIME")
	local now = time[1] * 1000 + math.floor(time[2] / 1000)
	redis.call("HSET", KEYS[2], ARGV[2], string.format("%d %s", now + ARGV[5], ARGV[1]))
end
