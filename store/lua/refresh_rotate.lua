-- refresh_rotate checks a refresh token and, when a next one is given, replaces it. A token that is not the current one
-- of its family was used before: the family is deleted (RFC 9700 section 4.14.2), and with it all its access tokens.
-- So is a family whose principal has changed.
--
-- KEYS[1] family  KEYS[2] epochs
-- ARGV[1] hash of the token  ARGV[2] hash of the next token; empty: only check
--
-- Returns false when the family does not exist or its principal has changed, "" when the token was used before, else
-- the record.
local f = redis.call("HMGET", KEYS[1], "record", "holder", "epoch", "current")
if not f[1] then return false end
if redis.call("HGET", KEYS[2], f[2]) ~= f[3] then
  redis.call("DEL", KEYS[1])
  return false
end
if f[4] ~= ARGV[1] then
  redis.call("DEL", KEYS[1])
  return ""
end
if ARGV[2] ~= "" then redis.call("HSET", KEYS[1], "current", ARGV[2]) end
return f[1]
