-- fleet announces a process and returns all live ones.
--
-- KEYS[1] processes
-- ARGV[1] id, "": none is announced  [2] announcement  [3] ms until it expires, 0: delete it
--
-- Returns { id, announcement, ... }. Expired ones are deleted.
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local life = tonumber(ARGV[3])
if ARGV[1] ~= "" then
  if life == 0 then
    redis.call("HDEL", KEYS[1], ARGV[1])
  else
    redis.call("HSET", KEYS[1], ARGV[1], string.format("%.0f ", now + life) .. ARGV[2])
    redis.call("PEXPIRE", KEYS[1], life * 100)
  end
end
local alive = {}
local all = redis.call("HGETALL", KEYS[1])
for i = 1, #all, 2 do
  local expiry, said = string.match(all[i + 1], "^(%d+) (.*)$")
  if expiry and tonumber(expiry) > now then
    alive[#alive + 1] = all[i]
    alive[#alive + 1] = said
  elseif ARGV[1] ~= "" then
    redis.call("HDEL", KEYS[1], all[i])
  end
end
return alive
