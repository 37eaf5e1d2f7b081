package topic

import (
	"crypto/sha256"
	"encoding/hex"
)

// keys are the Redis keys of one topic. They share a hash tag: one script may access them on a Cluster.
type keys struct{ tag string }

func keysOf(topic string) keys { return keys{"penstock:{topic:" + digest(topic) + "}:"} }

// shapes is a ZSET: the lists of members that waiting steps compare (JSON), by the latest end of such a wait, unix
// milliseconds. At most flows.MaxWhereShapes. TTL: until the last wait ends.
func (k keys) shapes() string { return k.tag + "shapes" }

// waiting is a ZSET: the steps that wait for events whose members, those of a shape, have these values; see member. By the
// beginning of the wait, unix microseconds of Redis' clock. At most flows.MaxWaitingRuns. TTL: until the last wait ends.
func (k keys) waiting(values string) string { return k.tag + "waiting:" + digest(values) }

// event is a STRING: fingerprint and audience of an event that a caller published with a key (JSON). TTL: Window.
func (k keys) event(key string) string { return k.tag + "event:" + digest(key) }

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:16])
}
