package schedule

// The keys of Redis share a hash tag: one script may touch both on a Cluster.
const (
	// keyMarks is a HASH: flow number to the last time that was decided on,
	// unix seconds, a space, and the run that was started last. No TTL.
	keyMarks = "penstock:{schedule}:marks"
	// keyClaims is a HASH: flow number to the unix milliseconds until which a
	// worker decides on the flow, a space, and the worker. No TTL; a claim is
	// removed when the worker is done.
	keyClaims = "penstock:{schedule}:claims"
)
