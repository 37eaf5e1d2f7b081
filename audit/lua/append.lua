-- append writes the next entries of the chain, if it still ends as the caller knows.
--
-- KEYS[1] stream  KEYS[2] head
-- ARGV[1] the head that the caller knows, "": there is none  [2] the head with the entries  [3...] id and JSON of each entry;
--         none: nothing is written, and the state is returned
--
-- Returns { 1, length of the stream } or { 0, head, id of the last entry or "", time in ms }. Its cost depends on the number of the
-- new entries alone.
local head = redis.call("GET", KEYS[2]) or ""
local state = function()
  local last = redis.call("XREVRANGE", KEYS[1], "+", "-", "COUNT", 1)
  local time = redis.call("TIME")
  return { 0, head, last[1] and last[1][1] or "", time[1] * 1000 + math.floor(time[2] / 1000) }
end
if #ARGV < 4 or head ~= ARGV[1] then return state() end
for i = 3, #ARGV, 2 do
  local added = redis.pcall("XADD", KEYS[1], ARGV[i], "entry", ARGV[i + 1])
  if type(added) == "table" and added.err then
    if i > 3 or not string.find(added.err, "equal or smaller", 1, true) then return added end
    return state() -- a process of an older version has written meanwhile
  end
end
redis.call("SET", KEYS[2], ARGV[2])
return { 1, redis.call("XLEN", KEYS[1]) }
