-- cut removes the oldest entries, and keeps a signed note of the last one of them.
--
-- KEYS[1] stream  KEYS[2] cuts
-- ARGV[1] id of the oldest entry, as the caller knows it  [2] id of the first entry that stays  [3] name of the cut, "": it needs none
--      [4] cut (JSON)  [5] name of a cut that this one replaces, "": none
--
-- Returns the number of removed entries; 0: another process was faster.
local first = redis.call("XRANGE", KEYS[1], "-", "+", "COUNT", 1)
if not first[1] or first[1][1] ~= ARGV[1] then return 0 end
if ARGV[3] ~= "" then
  redis.call("HSET", KEYS[2], ARGV[3], ARGV[4])
  if ARGV[5] ~= "" and ARGV[5] ~= ARGV[3] then redis.call("HDEL", KEYS[2], ARGV[5]) end
end
return redis.call("XTRIM", KEYS[1], "MINID", ARGV[2])
