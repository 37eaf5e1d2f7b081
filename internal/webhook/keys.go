package webhook

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// keys are the Redis keys of the deliveries of one flow. They share a hash tag, so that a script may use them together
// on a Cluster.
type keys struct{ tag string }

func keysOf(flow int64) keys {
	return keys{"penstock:{deliveries:" + strconv.FormatInt(flow, 10) + "}:"}
}

// delivery is a HASH: run type url target endpoint secrets receiver body created, which never change, and state round count
// tries next, see record.lua. TTL: retention from the last write.
func (k keys) delivery(id string) string { return k.tag + "delivery:" + id }

// index is a ZSET of the newest deliveries by unix milliseconds of acceptance, at most maxListed. TTL: retention from
// the last write.
func (k keys) index() string { return k.tag + "index" }

// open is a ZSET of the pending deliveries by the end of their TTL, unix milliseconds, at most maxOpen. TTL: retention
// from the last write.
func (k keys) open() string { return k.tag + "open" }

// endpoint is a HASH: url, succeeded and failed (unix milliseconds of the last one), failing (unix milliseconds of the
// first failure since the last success), failures (their number), disabled (unix milliseconds) and reason. TTL:
// endpointRetention from the last use.
func (k keys) endpoint(id string) string { return k.tag + "endpoint:" + id }

// endpoints is a ZSET of the endpoints by unix milliseconds of their last use, at most maxEndpoints. TTL:
// endpointRetention from the last use.
func (k keys) endpoints() string { return k.tag + "endpoints" }

// digest returns the first 16 bytes of a hash, in hex.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}
