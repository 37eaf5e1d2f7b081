-- uses: keys
-- delivered stores when callers received the results of their runs. The first
-- delivery of a run is stored; a run that was removed is not created again.
--
-- KEYS[1] due
-- ARGV two for each run: run id, time since the delivery in microseconds
--
-- Returns how many were stored.
local time = call("TIME")
local us = tonumber(time[1]) * 1000000 + tonumber(time[2])
local noted = 0
for i = 1, #ARGV, 2 do
	local run = RUN .. ARGV[i]
	if call("HEXISTS", run, "finished") == 1 then
		noted = noted + call("HSETNX", run, "replied", string.format("%.0f", us - tonumber(ARGV[i+1])))
	end
end
return noted
