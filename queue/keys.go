package queue

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// keys builds the Redis keys of one queue. All of them, asynq's and ours,
// share the hash tag {queue}, so that one script may touch them together on a
// Cluster. The scripts build the same names in lua/lib/keys.lua; those that no Go
// code reads are described at the end of this file.
type keys struct{ asynq, ours string }

func keysOf(queue string) keys {
	return keys{asynq: "asynq:{" + queue + "}:", ours: "penstock:{" + queue + "}:"}
}

// slot is the KEYS of every script: one key, whose hash tag names the queue.
func (k keys) slot() []string { return []string{k.due()} }

// asynq's own, as its version 0.26 names them.
func (k keys) pending() string     { return k.asynq + "pending" } // LIST of task ids, newest at the head
func (k keys) paused() string      { return k.asynq + "paused" }  // STRING, exists while paused
func (k keys) active() string      { return k.asynq + "active" }  // LIST of task ids
func (k keys) taskLease() string   { return k.asynq + "lease" }   // ZSET of task ids by expiry, unix seconds
func (k keys) taskPrefix() string  { return k.asynq + "t:" }      // HASH a task: msg state pending_since group
func (k keys) groupPrefix() string { return k.asynq + "g:" }      // ZSET of a group's task ids: a line, by unix microseconds of acceptance
func (k keys) groups() string      { return k.asynq + "groups" }  // SET of group names

const asynqQueues = "asynq:queues" // SET of queue names

// runPrefix + id is the HASH of a run.
//
//	spec event           what was accepted (JSON); never changes
//	state fence crashes  where it is, see lua/lib/run.lua
//	turn                 how it shares the queue, see lua/lib/turns.lua
//	worker               that has or had it
//	entered gated        it has had a place at a concurrency limit; the flow in whose line for one it stands
//	gates                hashes of the limits that it came to, comma separated
//	stopped              attempts that had begun when it was stopped from outside
//	reply                API processes that wait, comma separated
//	at started finished  unix microseconds of Redis' clock
//	replied              likewise, of the answer to who waited; not of all runs
//	deadline             unix milliseconds; absent until the limit has begun to count
//	limit                milliseconds; absent when the deadline was known at once
//	output error steps   how it ended (JSON)
//	called               a step's callback came while the run was running
//	early                what the flow answered before that (JSON)
//
// TTL: none; tidy removes it when its retention is over.
func (k keys) runPrefix() string { return k.ours + "run:" }

// journalPrefix + id is the HASH of a run's effects: step key to "s" (started)
// and a word, or "r" and the result. It expires a minute after the run ended.
func (k keys) journalPrefix() string { return k.ours + "journal:" }

// due is a ZSET of the runs that have not been settled, by the unix
// milliseconds of Redis' clock at which the reconciler looks at them next.
func (k keys) due() string { return k.ours + "due" }

// index is a ZSET of the settled runs by unix milliseconds of acceptance. Its
// members go with the retention.
func (k keys) index() string { return k.ours + "index" }

// ended is a LIST of the settled runs, the first settled at its head: tidy
// removes them in this order.
func (k keys) ended() string { return k.ours + "ended" }

// begun is a ZSET of worker, " ", task id: the attempts that execute. All scores are
// 0, so that those of one worker are a range.
func (k keys) begun() string { return k.ours + "begun" }

// express is a LIST of task ids that may use a spare slot.
func (k keys) express() string { return k.ours + "express" }

// slots is a STRING "slots spare share": what the live workers offer together.
func (k keys) slots() string { return k.ours + "slots" }

// flight is a SET of the ids of a flow's runs that are pending or running.
func (k keys) flight(flow int64) string { return k.ours + "flight:" + strconv.FormatInt(flow, 10) }

// turns is a ZSET of the flows that have runs in line, of one class: "w", runs that
// somebody waits for, or "u". The first by score is next: runs in flight, then its last turn.
func (k keys) turns(class string) string { return k.ours + "turns:" + class }

// fairKeys is a ZSET of the fair keys that have runs in a flow's lines of one class, by their last turn.
func (k keys) fairKeys(class, flow string) string { return k.ours + "keys:" + class + flow }

// shares is a HASH of flows in line to their own share, in percent.
func (k keys) shares() string { return k.ours + "shares" }

// given is a STRING, counts the turns that were given.
func (k keys) given() string { return k.ours + "given" }

func keyHash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:16])
}

// replyPrefix + door is the CHANNEL of one api process: results of runs that
// it waits for, and events of those that it watches. Nothing is stored: the run record has the result.
func (k keys) replyPrefix() string { return k.ours + "reply:" }

// watch is the CHANNEL on which doors say which runs they watch: door, run ids.
// What happens to those comes to the doors' own channels.
func (k keys) watch() string { return k.ours + "watch" }

// inboxPrefix + worker + ":" + list is a LIST of task ids on their way from a
// list to their worker: never more than one but for a fault.
func (k keys) inboxPrefix() string { return k.ours + "inbox:" }

// workers is a ZSET of live workers by unix milliseconds of their last beat,
// on Redis' clock: the lease of all their runs.
func (k keys) workers() string { return k.ours + "workers" }

// fleet is a HASH of worker ids to what they say of themselves (JSON). Those
// that are not among the workers any more are forgotten soon.
func (k keys) fleet() string { return k.ours + "fleet" }

// drain is a SET of the workers that are to take nothing new.
func (k keys) drain() string { return k.ours + "drain" }

// sessions is a HASH of registered worker ids to the number of the session whose claims
// count, see claims.
func (k keys) sessions() string { return k.ours + "sessions" }

// hold are what there is of pauses of a flow: resumed is a HASH of flows to the
// last pause of theirs that is over, by the unix milliseconds of its beginning;
// line is a ZSET of the runs that are held, by unix microseconds of acceptance.
// TTL: none; a flow's line is gone when it is resumed.
func (k keys) pausedFlow(flow int64) (resumed, line string) {
	return k.ours + "resumed", k.ours + "held:" + strconv.FormatInt(flow, 10)
}

// Only scripts use:
//
//	turn                  STRING, counts moves in the order of turns
//	capacity              HASH of worker ids to what each offers, as in slots
//	gated: + flow         SET of the ids of a flow's runs that stand in a line of a concurrency limit
//	guard: + sha256       STRING: run id, fingerprint. TTL: the guard's window
//	gate: + sha256        with :inside and :line, two ZSETs of runs by unix microseconds of acceptance: those that
//	                      have a place at a concurrency limit, and those that stand in line. TTL: 25 h from the last change
//	tidy                  STRING, the worker that removes old runs now. TTL: 15 s
