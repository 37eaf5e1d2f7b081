package operation

// The keys share a hash tag, so that a script may use them together on a Cluster. The TTL of those of an operation is
// retention from its creation or its last write.
const (
	// keyIndex is a ZSET of the operations by unix milliseconds of creation. Those that are older than retention are
	// removed at each creation, and those beyond maxListed. TTL: retention from the last creation.
	keyIndex = "penstock:{operations}:index"
	// keyActive is a ZSET of the operations that have not ended, by unix milliseconds until which a process executes
	// them. TTL: retention from the last write.
	keyActive = "penstock:{operations}:active"

	prefixOperation = "penstock:{operations}:operation:" // + id, HASH: about (JSON), state, fence, done, failed, skipped, next, stop, started and finished (unix ms)
	prefixRuns      = "penstock:{operations}:runs:"      // + id, LIST of the run ids, at most MaxRuns
	prefixResults   = "penstock:{operations}:results:"   // + id, LIST of a Result (JSON) for each run so far
)
