-- keys: the names of the keys of a queue, which keys.go describes. KEYS[1] of every
-- script is the due set of the queue: its hash tag is the name of the queue, and gives
-- the slot of all keys on a Cluster.
local call = redis.call
local tag = string.match(KEYS[1], "{.*}:")
local ASYNQ, OURS = "asynq:" .. tag, "penstock:" .. tag
local DUE, RUN, TASK = KEYS[1], OURS .. "run:", ASYNQ .. "t:"
local ID = 36 -- characters of a run id; a task id is a run id, "." and the number of the attempt

-- inParts calls a command with a key and any number of values, in several calls,
-- because unpack is limited.
local function inParts(command, key, values)
	for i = 1, #values, 1000 do call(command, key, unpack(values, i, math.min(i + 999, #values))) end
end
