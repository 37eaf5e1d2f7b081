-- changes reads the changes of the store since a revision.
--
-- KEYS[1] revision  [2] epoch  [3] log  [4] master  [5] schema  [6...] the hash of each kind
-- ARGV[1] known revision  [2] known epoch  [3] tag of the known revision, "": none
--      [4] most names  [5...] the kinds, in the order of KEYS[6...]
--
-- Returns { epoch, revision, tag, master, least schema, verdict, kind, name,
-- record or false, ... }. The verdict is "same", "these" (the records follow),
-- "all" (the log is incomplete: read everything) or "back" (the known
-- revision is not in this store's history).
local rev = tonumber(redis.call("GET", KEYS[1]) or "0")
local known = tonumber(ARGV[1])
local epoch = redis.call("GET", KEYS[2]) or ""
local id = function(n) return string.format("%.0f-0", n) end
local answer = { epoch, string.format("%.0f", rev), "", redis.call("GET", KEYS[4]) or "", redis.call("HGET", KEYS[5], "least") or "" }

local verdict = function(v) answer[6] = v return answer end
if epoch ~= ARGV[2] or rev < known then return verdict("back") end

local entries = redis.call("XRANGE", KEYS[3], id(known), id(rev), "COUNT", tonumber(ARGV[4]) + 2)
local fields = function(e)
  local f = {}
  for i = 1, #e[2], 2 do f[e[2][i]] = e[2][i + 1] end
  return f
end
local first = 1
if entries[1] and entries[1][1] == id(known) then
  first = 2
  answer[3] = fields(entries[1]).tag
  if ARGV[3] ~= "" and answer[3] ~= ARGV[3] then return verdict("back") end
end
if rev == known then return verdict("same") end
if #entries - first + 1 ~= rev - known then return verdict("all") end

local hashes = {}
for i = 5, #ARGV do hashes[ARGV[i]] = KEYS[i + 1] end
local seen, names = {}, {}
for i = first, #entries do
  local f = fields(entries[i])
  answer[3] = f.tag
  for name in string.gmatch(f.names, "[^\n]+") do
    if name == "*" then return verdict("all") end
    if not seen[name] then
      seen[name] = true
      names[#names + 1] = name
    end
  end
end
if #names > tonumber(ARGV[4]) then return verdict("all") end
answer[6] = "these"
for _, name in ipairs(names) do
  local slash = string.find(name, "/", 1, true)
  local kind = string.sub(name, 1, slash - 1)
  if not hashes[kind] then return verdict("all") end -- of a newer version
  local field = string.sub(name, slash + 1)
  answer[#answer + 1] = kind
  answer[#answer + 1] = field
  answer[#answer + 1] = redis.call("HGET", hashes[kind], field)
end
return answer
