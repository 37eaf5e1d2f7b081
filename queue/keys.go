package queue

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"
)

// keys builds the Redis keys of one queue. All keys, those of asynq included, have
// the hash tag {queue}, so that one script may use them together on a Cluster.
// lua/lib/keys.lua builds the same names; keys that only scripts use are described
// at the end of this file.
type keys struct{ asynq, ours string }

func keysOf(queue string) keys {
	return keys{asynq: "asynq:{" + queue + "}:", ours: "penstock:{" + queue + "}:"}
}

// slot returns the KEYS of every script: one key, whose hash tag names the queue.
func (k keys) slot() []string { return []string{k.due()} }

// The keys of asynq, as its version 0.26 names them.
func (k keys) pending() string     { return k.asynq + "pending" } // LIST of task ids, newest at the head
func (k keys) paused() string      { return k.asynq + "paused" }  // STRING, exists while paused
func (k keys) active() string      { return k.asynq + "active" }  // LIST of task ids
func (k keys) taskLease() string   { return k.asynq + "lease" }   // ZSET of task ids by expiry, unix seconds
func (k keys) taskPrefix() string  { return k.asynq + "t:" }      // HASH a task: msg state pending_since group
func (k keys) groupPrefix() string { return k.asynq + "g:" }      // ZSET of the task ids of a group, which is a line, by unix microseconds of acceptance
func (k keys) groups() string      { return k.asynq + "groups" }  // SET of group names

// countOf is a STRING, one of asynq's counters of a day in UTC: "processed" or "failed".
func (k keys) countOf(figure string, day time.Time) string {
	return k.asynq + figure + ":" + day.UTC().Format(time.DateOnly)
}

const asynqQueues = "asynq:queues" // SET of queue names

// runPrefix + id is the HASH of a run.
//
//	spec event           what was accepted (JSON); does not change, except while the run collects events
//	state fence crashes  the state machine, see lua/lib/run.lua
//	turn                 class, flow, share and fair key, see lua/lib/turns.lua
//	worker               id of the worker of the latest attempt
//	entered gated        "1" once it was a holder of a concurrency limit; its flow while it waits for a place, or collects events
//	window until events  hash of the key whose events it collects, and the unix milliseconds at which it begins; how many it has collected
//	gates                hashes of the concurrency limits that it has reached, comma separated
//	stopped              attempts that had begun when it was stopped from outside
//	reply                API processes with a waiting caller, comma separated
//	at started finished  unix microseconds of Redis' clock
//	replied              likewise, when the caller received the result; not in all runs
//	deadline             unix milliseconds; absent until the limit has begun to count
//	limit                milliseconds; absent when the deadline was known at once
//	output error steps   how it ended (JSON); a long output is a reference to its pieces
//	retry                how it retries, and how earlier tries failed (JSON); see Retry
//	called               "1" when a callback arrived while the run was running
//	early                early response of the flow (JSON), or a reference to its pieces
//	replayed_by triage   the last run that replays it; its triage state (JSON), absent until it was set by hand
//	failure_run          the run that handles its failure
//	changed recalled     when it has changed after it was settled, until the history has it; when it came back from the history
//	resumed_by origin    the run that continues it, that began anew in its place, or that replaced it, see submit_debounced.lua; the first of the runs that it continues
//
// TTL: none; tidy removes it when its retention is over.
func (k keys) runPrefix() string { return k.ours + "run:" }

// journalPrefix + id is the HASH of a run's effects: step key to "s" (started) and a
// random mark, or to "r" and the result. It also has the pieces of long values, see
// perCall. TTL: none; tidy removes it with the run.
func (k keys) journalPrefix() string { return k.ours + "journal:" }

// originPrefix + id of a run is a STRING, the last of the runs that continue it. TTL: none;
// tidy removes it with that run.
func (k keys) originPrefix() string { return k.ours + "origin:" }

// due is a ZSET of the runs that have not been settled, by the time of their next
// check by the reconciler, unix milliseconds of Redis' clock.
func (k keys) due() string { return k.ours + "due" }

// index is a ZSET of the settled runs by unix milliseconds of acceptance. tidy
// removes its members after their retention.
func (k keys) index() string { return k.ours + "index" }

// ended is a LIST of the settled runs in the order of settling, in which tidy removes
// them. While a history is kept, it has those that the history must still copy, also runs
// again that have changed.
func (k keys) ended() string { return k.ours + "ended" }

// archived is a LIST of the settled runs that the history has, in which tidy removes them
// while a history is kept.
func (k keys) archived() string { return k.ours + "archived" }

// failed is a STREAM of the settled runs that failed or timed out, each once: its field
// run is the id. The group "workers" reads it, and an entry is deleted once it is
// handled. About 100,000 entries remain when none are read. TTL: none.
func (k keys) failed() string { return k.ours + "failed" }

// begun is a ZSET of the running attempts: worker id, " ", task id. All scores are 0,
// so that the attempts of one worker are a lexical range.
func (k keys) begun() string { return k.ours + "begun" }

// express is a LIST of the ids of tasks that may use a spare slot.
func (k keys) express() string { return k.ours + "express" }

// slots is a STRING "slots spare share": the capacity of all live workers.
func (k keys) slots() string { return k.ours + "slots" }

// flight is a SET of the ids of a flow's runs that are pending or running.
func (k keys) flight(flow int64) string { return k.ours + "flight:" + strconv.FormatInt(flow, 10) }

// turns is a ZSET of the flows with runs of one class in line: "w", with a waiting
// caller, or "u", without. The flow with the lowest score is next; the score is its
// runs in flight in proportion to its share, then the number of its last turn.
func (k keys) turns(class string) string { return k.ours + "turns:" + class }

// fairKeys is a ZSET of the fair keys with runs in the lines of a flow, by their last turn.
func (k keys) fairKeys(class, flow string) string { return k.ours + "keys:" + class + flow }

// shares is a HASH of flows in line to the share of the flow itself, in percent.
func (k keys) shares() string { return k.ours + "shares" }

// given is a STRING, the number of turns that were given.
func (k keys) given() string { return k.ours + "given" }

// collecting is a SET of the ids of the runs that collect events. TTL: none; a run leaves it when it begins or is cancelled.
func (k keys) collecting() string { return k.ours + "collecting" }

// batchPrefix + id of a run is a STRING, the events of a run that collects them (JSON, with commas between them). TTL: none; it
// becomes the event of the run when that begins, or is cancelled.
func (k keys) batchPrefix() string { return k.ours + "batch:" }

// keyHash returns the hash under which a key of a caller or a flow is stored.
func keyHash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:16])
}

// replyPrefix + process is the CHANNEL of one API process: results of runs that it
// waits for, and events of runs that it watches. The run record has the result too.
func (k keys) replyPrefix() string { return k.ours + "reply:" }

// watch is the CHANNEL of watch requests: id of the API process, run ids, comma
// separated. The events are published on the channel of the API process.
func (k keys) watch() string { return k.ours + "watch" }

// inboxPrefix + worker + ":" + list is a LIST of the ids of tasks that were moved from
// a list and not claimed yet: at most one, except after a fault.
func (k keys) inboxPrefix() string { return k.ours + "inbox:" }

// workers is a ZSET of live workers by unix milliseconds of their last heartbeat, by
// Redis' clock. It is the lease of all their runs.
func (k keys) workers() string { return k.ours + "workers" }

// fleet is a HASH of worker ids to their registrations (JSON). Registrations of workers
// that are not alive are removed within seconds.
func (k keys) fleet() string { return k.ours + "fleet" }

// drain is a SET of the ids of workers that must claim nothing new.
func (k keys) drain() string { return k.ours + "drain" }

// sessions is a HASH of registered worker ids to the number of their current session,
// see claims.
func (k keys) sessions() string { return k.ours + "sessions" }

// pausedFlow returns the keys of the pauses of a flow. resumed is a HASH of flows to
// the beginning of their latest pause that is over, in unix milliseconds. line is a
// ZSET of the runs that wait for the end of the pause, by unix microseconds of
// acceptance. TTL: none; line is empty after the flow was resumed.
func (k keys) pausedFlow(flow int64) (resumed, line string) {
	return k.ours + "resumed", k.ours + "held:" + strconv.FormatInt(flow, 10)
}

// gateLine is a ZSET of the runs that wait for a place at a concurrency limit, by unix microseconds of acceptance. hash is one of the
// field gates of a run. TTL: 25 h from the last change.
func (k keys) gateLine(hash string) string { return k.ours + "gate:" + hash + ":line" }

// Only scripts use:
//
//	turn                  STRING, number of the last change in the order of turns
//	capacity              HASH of worker ids to their capacity, in the format of slots
//	gated: + flow         SET of the ids of a flow's runs that wait at a concurrency limit, or collect events
//	guard: + sha256       STRING of an idempotency key: run id, fingerprint. TTL: IdempotencyKey.Window
//	window: + sha256      STRING of a debounce or batch key: the run that takes its events, and, for debounce, the unix milliseconds of the
//	                      first. TTL: until the run begins
//	newest: + sha256      STRING of a debounce key: the run of its newest event, and the hash of the idempotency key of that event. TTL: the
//	                      longest that is left of IdempotencyKey.Window of an event with the key
//	gate: + sha256        of a concurrency limit, with :inside and :line: two ZSETs of runs by unix microseconds of
//	                      acceptance, the holders and the waiting runs. TTL: 25 h from the last change
//	tidy                  STRING, id of the worker that removes old runs now. TTL: 15 s
