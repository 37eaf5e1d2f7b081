-- token_find reads a token and whether its principals are unchanged since its
-- issue.
--
-- KEYS[1] token  KEYS[2] epochs
--
-- The key of the family of refresh tokens that a token belongs to is in the token; it has the hash tag of the store.
--
-- Returns false when the token does not exist, else its record, "1" or, when it was revoked, its family was, or a
-- principal has changed, "0", and the key of its family, empty without one.
local t = redis.call("HMGET", KEYS[1], "record", "holder", "epoch", "actor", "actor_epoch", "revoked", "family")
if not t[1] then return false end
local live = "1"
if t[6] then live = "0" end
if redis.call("HGET", KEYS[2], t[2]) ~= t[3] then live = "0" end
if t[4] and redis.call("HGET", KEYS[2], t[4]) ~= t[5] then live = "0" end
if t[7] and redis.call("EXISTS", t[7]) == 0 then live = "0" end
return { t[1], live, t[7] or "" }
