-- refresh_issue stores a new family of refresh tokens. A principal has a bounded number of families: the oldest one is
-- deleted for a new one, and its access tokens become invalid with it.
--
-- KEYS[1] family  KEYS[2] families of the principal (zset: key of the family -> expiry in ms)
-- ARGV[1] record  ARGV[2] holder  ARGV[3] epoch  ARGV[4] hash of the token
-- ARGV[5] now in ms  ARGV[6] end of the refresh tokens in ms  ARGV[7] TTL of the family in ms  ARGV[8] most families
--
-- All keys, also those of the deleted families, have the hash tag of the store. Returns 1.
redis.call("ZREMRANGEBYSCORE", KEYS[2], "-inf", ARGV[5])
redis.call("ZADD", KEYS[2], ARGV[6], KEYS[1])
local over = redis.call("ZCARD", KEYS[2]) - tonumber(ARGV[8])
if over > 0 then
  for _, family in ipairs(redis.call("ZRANGE", KEYS[2], 0, over - 1)) do
    redis.call("DEL", family)
    redis.call("ZREM", KEYS[2], family)
  end
end
redis.call("PEXPIRE", KEYS[2], ARGV[7])
redis.call("HSET", KEYS[1], "record", ARGV[1], "holder", ARGV[2], "epoch", ARGV[3], "current", ARGV[4])
redis.call("PEXPIRE", KEYS[1], ARGV[7])
return 1
