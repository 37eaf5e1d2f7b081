-- done removes a batch for which a run was started.
--
-- KEYS[1] batch
-- ARGV[1] number of the batch
local batch = redis.call("GET", KEYS[1])
if batch and string.match(batch, "^%d+") == ARGV[1] then redis.call("DEL", KEYS[1]) end
