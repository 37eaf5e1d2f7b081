-- attempt decides whether one attempt to prove a name from a network is
-- evaluated, and counts it. The rule is the table of docs/security.md. It runs
-- a fixed number of commands, whatever is stored.
--
-- A state is a string "drained stop turn" of times in ms: when all failures
-- will be forgiven, until when no attempt is evaluated, and the time of the
-- reservation (0: none). For a name, drained is the time after the last
-- reservation, and the others are 0. TTL: until the state has no effect.
--
-- KEYS[1] state of the name at the network  KEYS[2] state shared by names without one
-- KEYS[3] state of the network              KEYS[4] shared
-- KEYS[5] state of the name                 KEYS[6] shared
-- KEYS[7] zset of the networks where the name was authenticated, by time in ms
-- KEYS[8] string "window n": states created in the current window
-- ARGV[1] ask, wrong or right  ARGV[2] now in ms; empty: the clock of Redis
-- ARGV[3] the network in KEYS[7]
-- ARGV[4] free failures of a name at a network  ARGV[5] ms until one is forgiven  ARGV[6] longest wait in ms
-- ARGV[7], ARGV[8], ARGV[9] the same of a network
-- ARGV[10] ms between evaluated attempts of a name  ARGV[11] attempts at once  ARGV[12] ms ahead of now for which reservations are made
-- ARGV[13] ms for which a reservation is kept after its time
-- ARGV[14] ms for which a network is stored  ARGV[15] most networks of a name
-- ARGV[16] most states created in a window  ARGV[17] ms of a window
--
-- Returns { wait in ms, because }: 0 for an evaluated attempt; because is
-- 1 for the name at the network, 2 for the network, 3 for the name.
local mode, now = ARGV[1], tonumber(ARGV[2])
if not now then
	local time = redis.call("TIME")
	now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local function number(i) return tonumber(ARGV[i]) end
local at_network = { free = number(4), forgiven = number(5), longest = number(6) }
local of_network = { free = number(7), forgiven = number(8), longest = number(9) }
local every, at_once, ahead, keep = number(10), number(11), number(12), number(13)

-- made returns the current window and how many states were created in it.
local function made()
	local window = math.floor(now / number(17))
	local w, n = string.match(redis.call("GET", KEYS[8]) or "", "^(%d+) (%d+)$")
	return window, tonumber(w) == window and tonumber(n) or 0
end

-- open reads a state. When it does not exist and the window's maximum is
-- reached, it is the shared one.
local function open(own, shared, exempt)
	local s = { key = own, exempt = exempt }
	local text = redis.call("GET", own)
	if not text and not exempt then
		local _, n = made()
		if n >= number(16) then
			s.key, s.shared = shared, true
			text = redis.call("GET", shared)
		end
	end
	s.new = not text
	local drained, stop, turn = string.match(text or "0 0 0", "^(%d+) (%d+) (%d+)$")
	s.drained, s.stop, s.turn = tonumber(drained), tonumber(stop), tonumber(turn)
	return s
end

local function save(s)
	local ttl = math.max(s.drained, s.stop, s.turn > 0 and s.turn + keep or 0) - now
	if ttl <= 0 then
		if not s.new then redis.call("DEL", s.key) end
		return
	end
	redis.call("SET", s.key, string.format("%d %d %d", s.drained, s.stop, s.turn), "PX", string.format("%d", ttl))
	if s.new and not s.shared and not s.exempt then
		local window, n = made()
		redis.call("SET", KEYS[8], string.format("%d %d", window, n + 1), "PX", ARGV[17])
	end
	s.new = false
end

-- failures returns the number of failures that are not forgiven yet.
local function failures(s, p) return math.max(0, math.ceil((s.drained - now) / p.forgiven)) end

-- count adds a failure and returns the wait after it: beyond the free failures
-- it doubles from 1 s, and a reservation is lost.
local function count(s, p)
	local most = p.free + 1 + math.ceil(math.log(p.longest / 1000) / math.log(2))
	s.drained = math.min(math.max(now, s.drained) + p.forgiven, now + most * p.forgiven)
	local over = failures(s, p) - p.free
	if over <= 0 then return 0 end
	s.turn = 0
	return math.min(1000 * 2 ^ (over - 1), p.longest)
end

-- early refuses an attempt during a wait. It counts as a failure, which makes
-- the next wait longer and not this one, so that attempts cannot prolong a
-- wait. In a shared state it does not count.
local function early(s, p, because)
	if not s.shared then
		count(s, p)
		save(s)
	end
	return { s.stop - now, because }
end

local score = redis.call("ZSCORE", KEYS[7], ARGV[3])
score = score and tonumber(score)
local known = score and now - score < number(14)
local pair = open(KEYS[1], KEYS[2], known)
if pair.stop > now then return early(pair, at_network, 1) end

local network, name, mine
if not known then
	network = open(KEYS[3], KEYS[4])
	if network.stop > now then return early(network, of_network, 2) end
	name = open(KEYS[5], KEYS[6])
	mine = pair.turn > 0 and now < pair.turn + keep
	local wait = math.max(name.drained, now) - (at_once - 1) * every - now
	if not mine and wait > 0 then
		pair.turn = 0
		if wait <= ahead then
			pair.turn = now + wait
			name.drained = math.max(name.drained, now) + every
			save(name)
		else
			wait = math.min(every * 2 ^ math.min(failures(pair, at_network), 30), ahead)
		end
		pair.stop = now + wait
		save(pair)
		return { wait, 3 }
	end
end

if mode == "ask" then return { 0, 0 } end
if mode == "right" then
	if not known or now - score > number(14) / 100 then
		redis.call("ZADD", KEYS[7], now, ARGV[3])
		redis.call("ZREMRANGEBYRANK", KEYS[7], 0, -number(15) - 1)
		redis.call("PEXPIRE", KEYS[7], ARGV[14])
	end
	if pair.turn > 0 then
		pair.turn, pair.stop = 0, 0
		save(pair)
	end
	return { 0, 0 }
end
network = network or open(KEYS[3], KEYS[4])
pair.turn = 0
pair.stop = now + count(pair, at_network)
save(pair)
network.stop = math.max(network.stop, now + count(network, of_network))
save(network)
if name and not mine then
	name.drained = math.max(name.drained, now) + every
	save(name)
end
return { 0, 0 }
