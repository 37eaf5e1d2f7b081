package queue

import (
	"strings"
	"testing"

	"github.com/penstock/penstock/queue/lua"
)

// guard is a piece of a script on which a rule depends, and what it becomes
// without the rule.
type guard struct {
	file string // in lua, without ".lua"
	text string // occurs once
	gone string
	test string // goes red without it; empty: the table of states or the model
}

// Each guard is in its script, once: TestGuards, which takes them out, runs on request.
func TestGuardsAreThere(t *testing.T) {
	t.Parallel()
	for _, g := range guards {
		if n := strings.Count(lua.Text(g.file), g.text); n != 1 {
			t.Errorf("%s.lua has %q %d times", g.file, g.text, n)
		}
	}
}

var guards = []guard{
	{file: "lib/run", text: `state == "running" and stored == fence and of == worker`, gone: `stored == fence and of == worker`},
	{file: "lib/run", text: `state == "running" and stored == fence and of == worker`, gone: `state == "running" and of == worker`},
	{file: "lib/run", text: ` and of == worker`},

	{file: "claim", text: `if call("EXISTS", ASYNQ .. "paused") == 1 then return giveBack("paused") end`, test: "TestAPausedQueueWaitsAndGoesOn"},
	{file: "claim", text: `if not session then return giveBack("dead") end`, gone: `session = session or "0"`},
	{file: "claim", text: `if tonumber(ARGV[2]) < tonumber(session) then return giveBack("old") end`},
	{file: "claim", text: `behind ~= 0 and behind ~= 1`, gone: `not behind`},
	{file: "claim", text: `r[1] == "queued" and tonumber(attempt)`, gone: `r[1] and tonumber(attempt)`},
	{file: "claim", text: `local deadline = r[4] or whole(ms + r[5])`, gone: `local deadline = whole(ms + (r[5] or 3300000))`},
	{file: "claim", text: `call("ZADD", OURS .. "begun", unpack(begun))`},
	{file: "claim", text: `if not message then return end`, gone: `message = message or ""`},
	{file: "claim", text: `#out < most * 8 and`, gone: ``},
	{file: "claim", text: `ipairs({inbox, source})`, gone: `ipairs({source})`},

	{file: "redeliver", text: `if not call("HGET", OURS .. "sessions", worker) then return "dead" end`},
	{file: "redeliver", text: `call("HSET", OURS .. "sessions", worker, ARGV[2])`},
	{file: "redeliver", text: `executes(r[1], r[2], attempt, r[3], worker)`, gone: `r[3] == worker`},

	{file: "lib/finish", text: `executes(r[1], r[2], ARGV[i+1], r[7], worker)`, gone: `r[2] == ARGV[i+1]`},
	{file: "lib/finish", text: `executes(r[1], r[2], ARGV[i+1], r[7], worker)`, gone: `r[1] == "running"`},
	{file: "lib/finish", text: `r[1] and not live(r[1]) and r[2] == ARGV[i+1]`, gone: `r[2] == ARGV[i+1]`},
	{file: "lib/finish", text: `r[1] and not live(r[1]) and r[2] == ARGV[i+1]`, gone: `r[1] and not live(r[1])`},
	{file: "lib/finish", text: ` and r[7] == worker`},
	{file: "lib/finish", text: `if r[6] or`, gone: `if`, test: "Test.*Answer.*"},
	{file: "lib/finish", text: `or string.sub(output, 1, 1) == "#" then`, gone: `then`, test: "TestALongOutputIsStoredInPieces"},

	{file: "park", text: `if r[1] == "waiting" and r[2] == ARGV[2] and r[5] == ARGV[5] then return 1 end`},
	{file: "park", text: ` and r[5] == ARGV[5]`},
	{file: "park", text: `if not executes(r[1], r[2], ARGV[2], r[5], ARGV[5]) then return 0 end`},
	{file: "park", text: `	wake = now
	call("HDEL", run, "called")`, test: "TestACallBeforeTheRunParks"},
	{file: "park", text: `leaveWorker(taskOf(id, ARGV[2]), r[5], true)`},
	{file: "park", text: `leaveWorker(taskOf(id, ARGV[2]), r[5], true)`, gone: `leaveWorker(taskOf(id, ARGV[2]), r[5], false)`},
	{file: "park", text: `leaveFlight(id, r[6])`},
	{file: "park", text: `	amend(OURS .. "journal:" .. id, retry)`},
	{file: "park", text: ` and not (retry and r[6] and parseTurn(r[6]) == "w")`},

	{file: "settle", text: `elseif r and not live(r[1]) then`, gone: `elseif r then`},
	{file: "settle", text: `	seen[id] = true`, test: "TestARunIsSettledOnce"},
	{file: "settle", text: `if r[7] then call("SREM", OURS .. "gated:" .. r[7], id) end`},
	{file: "settle", text: `call("ZREM", OURS .. "gate:" .. gate .. ":inside", id)`},
	{file: "settle", text: `call("ZREM", OURS .. "gate:" .. gate .. ":line", id)`},
	{file: "lib/settle", text: `	leaveFlight(id, turn)`},
	{file: "lib/settle", text: `visible == "1"`, gone: `false`},
	{file: "lib/settle", text: `call("ZREM", DUE, unpack(ended)) < #ended`, gone: `false`},
	{file: "lib/settle", text: `then dropSettled() end`, gone: `then end`},
	{file: "lib/settle", text: `if state == "failed" or state == "timed_out" then failed[id] = true end`},
	{file: "lib/settle", text: `call("XADD", OURS .. "failed", "MAXLEN", "~", whole(MOST_FAILED), "*", "run", id)`},
	{file: "lib/settle", text: `"MAXLEN", "~", whole(MOST_FAILED), `, test: "TestTheStreamOfFailedRunsIsBounded"},
	{file: "lib/settle", text: `return advance()`, gone: `return 0`},

	{file: "complete", text: `and live(r[1])`, test: "TestEveryScriptInEveryState"},
	{file: "complete", text: `and not r[9]`, test: "TestARunAtALimitIsSettledAfterItsWorkerHasReleasedIt"},

	{file: "tidy", text: `if turn and turn ~= ARGV[1] then return -1 end`},
	{file: "tidy", text: `not live(r[1]) and since and `, gone: `since and `},
	{file: "tidy", text: `not live(r[1]) and since and tonumber(since)`, gone: `not live(r[1]) and tonumber(since or 0)`},
	{file: "tidy", text: `if history and r[5] then return false end`, test: "TestWhatTidyRemovesWithAHistory"},
	{file: "tidy", text: `history and {"archived"} or {"archived", "ended"}`, gone: `{"archived", "ended"}`, test: "TestWhatTidyRemovesWithAHistory"},
	{file: "tidy", text: `r[4] or r[2]`, gone: `r[2]`, test: "TestWhatTidyRemovesWithAHistory"},
	{file: "tidy", text: `		if over(id) == false then break end`},
	{file: "tidy", text: `o == nil or o and not history`, gone: `true`},
	{file: "tidy", text: `o == nil or o and not history`, gone: `o ~= false`, test: "TestWhatTidyRemovesWithAHistory"},
	{file: "archived", text: `if first[(i+1)/2] ~= id then break end`, test: "TestWhatWasArchived"},
	{file: "archived", text: `mark == ARGV[i+1]`, gone: `true`, test: "TestWhatWasArchived"},
	{file: "recall", text: `if call("EXISTS", run) == 1 then return 0 end`, test: "TestRecall"},
	{file: "lib/run", text: `if not call("ZSCORE", OURS .. "index", id) then return end`, test: "TestWhatWasArchived"},
	{file: "tidy", text: `, OURS .. "journal:" .. id`, gone: `, OURS .. "nothing:" .. id`},

	{file: "requeue", text: `r[1] ~= ARGV[3] or `},
	{file: "requeue", text: ` or whole(fence) ~= ARGV[2]`},
	{file: "requeue", text: ` or ARGV[8] ~= "" and r[4] ~= ARGV[8]`},
	{file: "requeue", text: `, "fence", whole(fence))`, gone: `)`},
	{file: "requeue", text: `if tonumber(r[3] or "0") + 1 >= tonumber(ARGV[6]) then return 2 end`, test: "TestTheThirdCrashEndsARun"},
	{file: "requeue", text: `call("HINCRBY", run, "crashes", 1)`},
	{file: "requeue", text: `if call("HGET", TASK .. taskOf(id, fence), "state") == "pending" then return 1 end`, test: "TestARepeatedRequeueMakesOneTask"},
	{file: "requeue", text: `if turn then leaveLine(taskOf(id, fence), turn) end`},
	{file: "requeue", text: `		leaveWorker(taskOf(id, fence), r[4], true)`},
	{file: "requeue", text: `lookAt(id, look)`},

	{file: "stop", text: `if not live(state) then return state end`},
	{file: "stop", text: `if ARGV[2] ~= "" and tonumber(ARGV[2]) ~= fence then return state end`},
	{file: "stop", text: `if ARGV[6] ~= "" and r[3] ~= ARGV[6] then return state end`, test: "TestARunWhoseCallerLeaves"},
	{file: "park", text: `	wake = math.min(wake, r[3])`, test: "TestAParkedRunEndsWithItsLimit"},
	{file: "lib/repetition", text: `r[1] == "cancelled" and string.find`, gone: `false and string.find`, test: "TestARunWhoseCallerLeaves"},
	{file: "stop", text: `whole(fence + 1)`, gone: `whole(fence)`},
	{file: "stop", text: `	if r[8] then leaveLine(task, r[8]) end`},
	{file: "stop", text: `	if call("HGET", TASK .. task, "state") == "aggregating" then call("DEL", TASK .. task) end`},
	{file: "stop", text: `	if call("HGET", TASK .. task, "state") == "aggregating" then call("DEL", TASK .. task) end`, gone: `	call("DEL", TASK .. task)`, test: "TestAStoppedRunStaysListed"},
	{file: "stop", text: `	leaveWorker(task, r[7], true)`},
	{file: "stop", text: `leaveFlight(id, r[8])`},
	{file: "stop", text: `lookAt(id, 0)`, gone: `call("ZREM", DUE, id)`},
	{file: "stop", text: `send(ARGV[5], r[3],`, gone: `replyOf(`},

	{file: "lib/repetition", text: `if not same then return "mismatch" end`},
	{file: "lib/repetition", text: `if how == "refuse" then return "replayed" end`, test: "TestAnIdempotencyKeyMakesOneRun"},
	{file: "lib/repetition", text: `if not r[1] then return "ran" .. first end`, test: "TestAnIdempotencyKeyOutlivesTheRecord"},
	{file: "lib/repetition", text: `if r[1] == "failed" or r[1] == "timed_out" then`, gone: `if not live(r[1]) then`, test: "TestAnIdempotencyKeyMayRepeatAFailedRun"},
	{file: "submit", text: `if continues then answer = notResumable(continues) end`},
	{file: "lib/resume", text: `live(had[1])`, gone: `false`},
	{file: "lib/resume", text: `had[1] == "succeeded"`, gone: `false`},
	{file: "lib/resume", text: `tonumber(had[2]) ~= r.fence`, gone: `false`},
	{file: "lib/resume", text: `return had[3] and "resumed" .. had[3] or nil`, gone: `return nil`},
	{file: "lib/resume", text: `call("RENAME", old, new)`},
	{file: "tidy", text: `if mark and call("GET", mark) == id then keys[#keys+1] = mark end`},
	{file: "lib/repetition", text: `if process ~= "" then subscribe(RUN .. first, r[2], process) end`, test: "TestAnIdempotencyKeyMakesOneRun"},
	{file: "submit", text: `repeated and call("EXISTS", run) == 1`, gone: `false`},
	{file: "submit", text: `if first and first ~= id then`, gone: `if first then`},
	{file: "submit", text: `if guard then call("SET", guard, id .. ARGV[i+8], "PX", ARGV[i+9]) end`},
	{file: "submit", text: `if gated[flow] >= most then return true end`},
	{file: "submit", text: `if inFlight() < slots then return false end`},
	{file: "submit", text: `if most >= 0 and call("ZCARD", waited) + call("ZCARD", unwaited) >= most then return true end`},
	{file: "submit", text: `return first[1] ~= nil and ms - first[2] / 1000 > patience`, gone: `return false`},
	{file: "submit", text: `if #due > 0 then call("ZADD", DUE, unpack(due)) end`},

	{file: "submit_delayed", text: `if string.sub(held, ID + 1) ~= ARGV[8] then return "mismatch" end`, test: "TestARunThatStartsLater"},
	{file: "submit_delayed", text: `	return string.sub(held, 1, ID)`, test: "TestARunThatStartsLater"},
	{file: "submit_delayed", text: `if call("EXISTS", RUN .. ARGV[1]) == 1 then return ARGV[1] end`},
	{file: "submit_delayed", text: `lookAt(ARGV[1], ms + ARGV[5])`},

	{file: "submit_debounced", text: `if first and first ~= id then`, gone: `if first then`},
	{file: "submit_debounced", text: `or string.sub(latest, ID + 1) == ARGV[6] or`, gone: `or`},
	{file: "submit_debounced", text: `return r[2] or `, gone: `return `, test: "TestAnEarlierEventDoesNotWin"},
	{file: "submit_debounced", text: `ARGV[9] ~= "" and (r[1]`, gone: `false and (r[1]`, test: "TestAnEarlierEventDoesNotWin"},
	{file: "submit_debounced", text: `remember(id .. ARGV[6])`, test: "TestAnEarlierEventDoesNotWin"},
	{file: "submit_debounced", text: `		remember(latest)`},
	{file: "submit_debounced", text: `math.max(call("PTTL", newest), tonumber(ARGV[8]) or 0)`, gone: `tonumber(ARGV[8]) or 0`},
	{file: "submit_debounced", text: `if call("EXISTS", run) == 1 then return {"", id, ""} end`},
	{file: "submit_debounced", text: `if not before and most >= 0 and`, gone: `if false and`, test: "TestRunsThatCollectAreBounded"},
	{file: "submit_debounced", text: `if before then replace() else begun = ms end`, gone: `begun = ms`},
	{file: "submit_debounced", text: `	closeWindow(before, hash, r[3])`},
	{file: "submit_debounced", text: `	enterIndex(before, "cancelled", r[2])`},
	{file: "submit_debounced", text: `, "fence", "1"`},
	{file: "submit_debounced", text: `	send(ARGV[15], r[1], replyOf(before, "cancelled", "1", r[2], "", us, ARGV[14], ""))`, test: "TestTheLastEventCounts"},
	{file: "submit_debounced", text: `if longest >= 0 then begins = math.min(begins, begun + longest) end`, test: "TestAFloodIsOneRunForEachWindow"},
	{file: "submit_debounced", text: `if guard then call("SET", guard, id .. ARGV[7], "PX", ARGV[8]) end`},
	{file: "submit_batched", text: `if answer then return {answer, "", ""} end`},
	{file: "submit_batched", text: `call("SET", guard, id .. ARGV[7], "PX", ARGV[8])`},
	{file: "submit_batched", text: `	shareWith(ARGV[2], id)`, test: "TestABatchOfSeveralPrincipals"},
	{file: "submit_batched", text: `	call("DEL", WINDOW .. hash)`, test: "TestALargeBatchBegins"},
	{file: "submit_batched", text: `	lookAt(id, 0)`, test: "TestALargeBatchBegins"},
	{file: "submit_batched", text: `if id and bytes + #entry >= tonumber(ARGV[14]) then`, gone: `if false then`, test: "TestALargeBatchBegins"},
	{file: "submit_batched", text: `if most >= 0 and`, gone: `if false and`, test: "TestRunsThatCollectAreBounded"},
	{file: "submit_batched", text: `if call("HINCRBY", RUN .. id, "events", 1) >= tonumber(ARGV[13]) then complete(id) end`},
	{file: "lib/window", text: `if id and call("HGET", RUN .. id, "window") == hash then`, gone: `if id then`},
	{file: "lib/window", text: `"PX", whole(math.max(1, until_ - now))`, gone: `"PX", 90000000`},
	{file: "lib/window", text: `if value and string.sub(value, 1, ID) == id then call("DEL", WINDOW .. window) end`, gone: `call("DEL", WINDOW .. window)`},
	{file: "lib/window", text: `		call("DEL", BATCH .. id)`},
	{file: "lib/window", text: `	call("SREM", OURS .. "gated:" .. gated, id)`},
	{file: "lib/window", text: `	call("SREM", OURS .. "collecting", id)`},
	{file: "requeue", text: `	if r[8] then closeWindow(id, r[8], r[9]) end`},
	{file: "stop", text: `	closeWindow(id, r[9], r[10])`},

	{file: "annotate", text: `if not state then return "" end`, gone: `state = state or "failed"`},
	{file: "annotate", text: `ARGV[2] ~= "1" or state == "failed" or state == "timed_out"`, gone: `true`},

	{file: "callback", text: `if not r[1] then return "none" end`, gone: `r[1] = r[1] or "running"`},
	{file: "callback", text: `if not live(r[1]) then return "over" end`},
	{file: "callback", text: `if known and string.sub(known, 1, 1) == "r" then return "again" end`},
	{file: "callback", text: `	call("HSET", run, "called", "1")`, test: "TestACallBeforeTheRunParks"},
	{file: "callback", text: `lookAt(ARGV[1], 0)`},

	{file: "acquire", text: `if r[1] == "waiting" and r[2] == ARGV[2] and r[7] == ARGV[6] and call("ZSCORE", WAITING, id) then return "parked" end`},
	{file: "acquire", text: `if not executes(r[1], r[2], ARGV[2], r[7], ARGV[6]) then return "lost" end`},
	{file: "acquire", text: `if call("ZSCORE", HOLDERS, id) then return admitHere() end`},
	{file: "acquire", text: `if s ~= "running" and s ~= "queued" then free`, gone: `if true then free`},
	{file: "acquire", text: `if s ~= "running" and s ~= "queued" then free`, gone: `if false then free`},
	{file: "acquire", text: `if #before < free then return admitHere() end`, gone: `if true then return admitHere() end`},
	{file: "acquire", text: `leaveWorker(taskOf(id, ARGV[2]), r[7], true)`},
	{file: "acquire", text: `leaveFlight(id, r[8])`},
	{file: "acquire", text: `tonumber(r[3]) < tonumber(oldest[2]) and id or oldest[1]`, gone: `oldest[1]`},

	{file: "park_paused", text: `if r[1] == "waiting" and r[2] == ARGV[2] and r[7] == ARGV[5] and call("ZSCORE", line, id) then return "parked" end`},
	{file: "park_paused", text: `if not executes(r[1], r[2], ARGV[2], r[7], ARGV[5]) then return "lost" end`},
	{file: "park_paused", text: `r[6] or call("HGET", OURS .. "resumed", ARGV[3]) == ARGV[4]`, gone: `r[6]`, test: "TestAPauseThatIsOverParksNothing"},
	{file: "park_paused", text: `r[6] or call("HGET", OURS .. "resumed", ARGV[3]) == ARGV[4]`, gone: `call("HGET", OURS .. "resumed", ARGV[3]) == ARGV[4]`, test: "TestARunThatWasParkedHalfWayIsNotPaused"},
	{file: "park_paused", text: `leaveWorker(taskOf(id, ARGV[2]), r[7], true)`},
	{file: "park_paused", text: `leaveFlight(id, r[8])`},
	{file: "resume_flow", text: `call("HSET", OURS .. "resumed", ARGV[1], ARGV[2])`, test: "TestAPauseThatIsOverParksNothing"},

	{file: "journal", text: `if not executes(r[1], r[2], ARGV[2], r[3], ARGV[5]) then return nil end`},
	{file: "journal", text: `if string.sub(known, 1, 1) ~= "r" then call`, gone: `if true then call`},
	{file: "respond", text: `if not executes(r[1], r[2], ARGV[2], r[7], ARGV[5]) then return 0 end`},
	{file: "respond", text: `if r[3] then return 2 end`},
	{file: "attach", text: `if live(r[1]) then subscribe`, gone: `if false then subscribe`, test: "TestWhatIsAttachedTo"},
	{file: "attach", text: `if live(r[1]) then subscribe`, gone: `if true then subscribe`},
	{file: "delivered", text: `if call("HEXISTS", run, "finished") == 1 then`, gone: `if true then`, test: "Test.*Deliver.*"},

	{file: "release", text: `if state == "running" or state == "queued" then return {} end`},
	{file: "release", text: `if state ~= "waiting" then call("ZREM", waiting, ARGV[1]) end`},
	{file: "release", text: ` and id ~= ARGV[1]`},
	{file: "release", text: `	free = free - 1 -- it will acquire the place`},

	{file: "beat", text: `if not executes(r[1], r[2], ARGV[i+1], r[3], worker) then`, gone: `if false then`},
	{file: "beat", text: `if new and `, gone: `if `, test: "TestABeatMakesARunVisible"},
	{file: "beat", text: ` and call("LLEN", ASYNQ .. "active") < MOST_ACTIVE`, test: "TestABeatMakesARunVisible"},
	{file: "beat", text: `if before and not heard then`, gone: `if false then`},
	{file: "beat", text: `if heard then`, gone: `if true then`},
	{file: "beat", text: `or tonumber(session) < tonumber(ARGV[2])`},
	{file: "beat", text: `	call("HDEL", OURS .. "sessions", dead)`},
	{file: "beat", text: `	call("HDEL", OURS .. "capacity", dead)`},
	{file: "beat", text: `	giveBack(inbox .. ":pending", ASYNQ .. "pending")`},
	{file: "beat", text: `	giveBack(inbox .. ":express", OURS .. "express")`},
	{file: "beat", text: `		call("ZADD", DUE, "XX", unpack(due))`},
	{file: "beat", text: `if deadline and now > deadline then return "late" end`},
	{file: "beat", text: `if deadline and now > deadline + GRACE then return "late" end`},
	{file: "beat", text: `if not of or not call("ZSCORE", WORKERS, of) then return "lost" end`},
	{file: "beat", text: `if not call("ZSCORE", ASYNQ .. "g:" .. (t[2] or ""), task) then return "missing" end`},
	{file: "beat", text: `if state then lookAt(id, again or now + TAKEN) end`},
	{file: "beat", text: `local offers = drained == 1 and "0 0 0" or ARGV[5]`, gone: `local offers = ARGV[5]`},

	{file: "deregister", text: `call("ZREM", OURS .. "workers", ARGV[1])`},
	{file: "deregister", text: `call("HDEL", OURS .. "sessions", ARGV[1])`},
	{file: "deregister", text: `call("HDEL", OURS .. "capacity", ARGV[1])`},
	{file: "deregister", text: `call("DEL", OURS .. "slots")`},
	{file: "deregister", text: `do back = back + 1 end`, gone: `do back = back + 1 call("RPOP", list) end`},

	{file: "lib/turns", text: `inParts("SADD", flightOf(flow), ids)`, gone: ``},
	{file: "lib/turns", text: `and call("EXISTS", line) == 0 and not emptied(class, flow, key) then`, gone: `and false then`},
	{file: "lib/turns", text: `		call("ZREM", OURS .. "turns:" .. class, flow)`},
	{file: "lib/turns", text: `left > 0 and n < math.max(1, math.ceil(left / 2))`, gone: `true`, test: "TestAHangingFlowMakesNoOtherFlowWait"},
	{file: "lib/turns", text: `	call("SREM", ASYNQ .. "groups", lineOf(class, flow, key))`},

	{file: "lib/advance", text: `		inParts("SREM", flightOf(flow), ids)`},
	{file: "lib/advance", text: `if task and call("HSET", TASK .. task, "state", "pending", "pending_since", since) == 1 then`, gone: `if task and call("HSET", TASK .. task, "state", "pending", "pending_since", since) then`},
	{file: "lib/advance", text: `or ring[1].score > ring.upTo`, test: "TestWhoMovesUp"},
	{file: "lib/advance", text: `if ring.byFlow[flow] == nil then`, gone: `if not ring.byFlow[flow] then`, test: "TestWhoMovesUp"},
	{file: "lib/advance", text: `call("ZREMRANGEBYRANK", line, "0", l.taken - 1)`, gone: `call("ZCARD", line)`},
	{file: "lib/advance", text: `if emptied(ring.class, f.flow, l.key) then return true end`, gone: `if emptied(ring.class, f.flow, l.key) or true then return true end`},
	{file: "lib/advance", text: `while inExpress > 0 and inFlight() - inExpress < slots do`, gone: `while false do`},
	{file: "lib/advance", text: `insert(ring, f, score(flow, f.number))`, gone: `insert(ring, f, was)`, test: "TestWhoMovesUp"},
	{file: "lib/advance", text: `		inParts("ZREM", ring.key, ring.gone)`},

	{file: "lib/reply", text: `elseif not string.find("," .. processes .. ",", "," .. process .. ",", 1, true) then`, gone: `else`},
}
