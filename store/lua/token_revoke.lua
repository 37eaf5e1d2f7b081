-- token_revoke marks a token as revoked; one that is gone stays gone.
--
-- KEYS[1] token
--
-- Returns 1 when there was one.
if redis.call("EXISTS", KEYS[1]) == 0 then return 0 end
redis.call("HSET", KEYS[1], "revoked", "1")
return 1
