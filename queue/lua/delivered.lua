-- uses: keys
-- replied notes when API processes had answered those who waited for runs. The first
-- answer counts; a run whose retention is over stays away.
--
-- KEYS[1] due
-- ARGV two for each run: run id, how long ago it was answered, microseconds
--
-- Returns how many were noted.
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
