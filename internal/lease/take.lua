-- take takes the lease for a holder, or renews it.
--
-- KEYS[1] lease
-- ARGV[1] holder  ARGV[2] milliseconds until the lease expires
--
-- Returns 1 when the holder has the lease, 0 when another one has it.
local has = redis.call("GET", KEYS[1])
if has and has ~= ARGV[1] then return 0 end
redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[2])
return 1
