-- keys: the names of a queue's keys, as keys.go describes them. KEYS[1] of
-- every script is the queue's due set: its hash tag names the queue, and the
-- slot of all its keys on a Cluster.
local call = redis.call
local tag = string.match(KEYS[1], "{.*}:")
local ASYNQ, OURS = "asynq:" .. tag, "penstock:" .. tag
local DUE, RUN, TASK = KEYS[1], OURS .. "run:", ASYNQ .. "t:"
local ID = 36 -- characters of a run's id; a task's id goes on with "." and the attempt

-- inParts calls a command with a key and any number of values: a call takes as
-- many as unpack can.
local function inParts(command, key, values)
	for i = 1, #values, 1000 do call(command, key, unpack(values, i, math.min(i + 999, #values))) end
end
