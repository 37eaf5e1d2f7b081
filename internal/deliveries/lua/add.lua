-- Adds a delivery to those of its flow, and removes the oldest one if there are too many. The content is kept only while
-- the flow is recorded, and of as many requests as it is recorded for.
--
-- KEYS 1 count  2 accepted  3 rejected  4 content  5 recording  6 outbox  7 rest, see keys.go
-- ARGV 1 flow  2 index of the list in KEYS  3 delivery, a JSON object without its number and time  4 content; "": none
--      5 maximum length of a list  6 TTL in ms  7 that of the count  8 maximum length of the outbox; 0: there is no history
-- returns the number of the delivery
local list, delivery, content, most, ttl = KEYS[tonumber(ARGV[2])], ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local number = redis.call('INCR', KEYS[1])
if content ~= '' then
  local left = (tonumber(redis.call('HGET', KEYS[5], ARGV[1])) or 0) - now
  local rest = tonumber(redis.call('HGET', KEYS[7], ARGV[1]) or '1')
  if left > 0 and rest > 0 then
    if redis.call('HEXISTS', KEYS[7], ARGV[1]) == 1 then redis.call('HINCRBY', KEYS[7], ARGV[1], -1) end
    redis.call('HSET', KEYS[4], number, content)
    redis.call('PEXPIRE', KEYS[4], left)
  end
end
local text = string.format('{"delivery":%d,"at_ms":%d,', number, now) .. string.sub(delivery, 2)
redis.call('LPUSH', list, text)
if ARGV[8] ~= '0' then redis.call('XADD', KEYS[6], 'MAXLEN', '~', ARGV[8], '*', 'flow', ARGV[1], 'delivery', text) end
if redis.call('LLEN', list) > most then
  local oldest = redis.call('RPOP', list)
  redis.call('HDEL', KEYS[4], string.match(oldest, '^{"delivery":(%d+)'))
end
redis.call('PEXPIRE', KEYS[1], ARGV[7])
for i = 2, 3 do redis.call('PEXPIRE', KEYS[i], ttl) end
return number
