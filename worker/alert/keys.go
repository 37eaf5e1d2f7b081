package alert

import "strconv"

// keyTurn is a STRING, the id of the worker that looks at conditions and starts runs. TTL: turnFor.
const keyTurn = "penstock:alerts:turn"

// keys are the Redis keys of the alerts of one flow. They share a hash tag, so that a script may use them together on a
// Cluster. TTL of each: retention from the last write.
type keys struct{ tag string }

func keysOf(flow int64) keys {
	return keys{"penstock:{alerts:" + strconv.FormatInt(flow, 10) + "}:"}
}

// pending is a HASH of the alerts that no run has been started for: key → alert (JSON), at most maxPending; "more" → the
// number of those beyond.
func (k keys) pending() string { return k.tag + "pending" }

// due is a ZSET of the keys of pending alerts by the time at which a run starts, unix milliseconds.
func (k keys) due() string { return k.tag + "due" }

// sent is a ZSET of keys of alerts by the time of their last run, unix milliseconds; those of the last Every.
func (k keys) sent() string { return k.tag + "sent" }

// noted is a ZSET of the alerts that were added in the last minutes, as key, "\n" and id, by unix milliseconds.
func (k keys) noted() string { return k.tag + "noted" }

// active is a HASH of the conditions that hold: key → alert (JSON), at most maxActive.
func (k keys) active() string { return k.tag + "active" }

// batch is a STRING, the alerts of the run that is being started, see take.lua.
func (k keys) batch() string { return k.tag + "batch" }

// sequence is a STRING, the number of the last batch.
func (k keys) sequence() string { return k.tag + "sequence" }
