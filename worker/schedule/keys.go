package schedule

import "strconv"

// The keys share a hash tag: one script may access both on a Cluster.
const (
	// keyMarks is a HASH: flow number → last decided time in unix seconds, a space, and the last started run. No TTL.
	keyMarks = "penstock:{schedule}:marks"
	// keyClaims is a HASH: flow number → unix milliseconds until which a worker decides on the flow, a space, and the
	// worker. No TTL; a worker removes its claim when it is done.
	keyClaims = "penstock:{schedule}:claims"
)

// keyFind is a STRING, when a run of a poll has found something last, unix seconds. TTL: findTTL from that.
func keyFind(flow int64) string {
	return "penstock:{schedule}:find:" + strconv.FormatInt(flow, 10)
}
