-- token_revoke marks a token as revoked; a token that does not exist is not created.
--
-- KEYS[1] token
--
-- Returns 1 when the token exists.
if redis.call("EXISTS", KEYS[1]) == 0 then return 0 end
redis.call("HSET", KEYS[1], "revoked", "1")
return 1
