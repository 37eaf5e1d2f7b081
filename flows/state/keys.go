package state

import (
	"crypto/sha256"
	"encoding/hex"
)

// keys are the Redis keys of one value. They share a hash tag of their own: on a Cluster the values spread over all
// slots.
type keys struct{ tag string }

func keysOf(name string) keys { return keys{"penstock:{state:" + digest(name) + "}:"} }

// value is a HASH: v (the value), by (operation of the last write), name. TTL: as the flow says, none by default.
func (k keys) value() string { return k.tag + "value" }

// operation is a STRING: the reply to the operation. TTL: operationTTL.
func (k keys) operation(id string) string { return k.tag + "op:" + digest(id) }

// moments is a LIST of reserved times in unix microseconds of Redis' clock, the latest first. TTL: until the last one
// has no effect.
func (k keys) moments() string { return k.tag + "moments" }

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:12])
}
