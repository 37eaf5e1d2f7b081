package failure

import "strconv"

// keyFlows is a ZSET of the flows with failures, by unix milliseconds of the last one. TTL: retention from the last write.
const keyFlows = "penstock:failures:flows"

// keys are the Redis keys of the failures of one flow. They share a hash tag, so that a script may use them together on a
// Cluster.
type keys struct{ tag string }

func keysOf(flow int64) keys {
	return keys{"penstock:{failures:" + strconv.FormatInt(flow, 10) + "}:"}
}

// failurePrefix + id is a HASH, see record.lua. TTL: retention from the last run.
func (k keys) failurePrefix() string { return k.tag + "failure:" }

// runsPrefix + id is a LIST of the ids of the newest runs of a failure, the newest first, at most MaxKnown. TTL: retention from the
// last run.
func (k keys) runsPrefix() string { return k.tag + "runs:" }

// index is a ZSET of the failures by unix milliseconds of their last run, at most maxPerFlow. TTL: retention from the last
// run.
func (k keys) index() string { return k.tag + "index" }

// handled is a ZSET of the runs that were recorded within the last handledFor, by unix milliseconds, at most maxHandled.
// TTL: handledFor from the last write.
func (k keys) handled() string { return k.tag + "handled" }

// minutes is a HASH: minute since 1970 modulo MaxWindow in minutes → that minute, ":", and the number of runs that failed in
// it. TTL: MaxWindow from the last run.
func (k keys) minutes() string { return k.tag + "minutes" }
