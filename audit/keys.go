package audit

// The Redis keys of the log. All share the hash tag {store}: appending is one step on a Cluster, too. No other package accesses them.
const (
	keyStream   = "penstock:{store}:audit"          // stream: the entries, each "<ms>-<seq>" with its JSON. No TTL, bounded by length, with a history by waiting
	keyHead     = "penstock:{store}:audit:head"     // string: "<seq> <ms> <hash>" of the last entry of the chain. No TTL
	keyCuts     = "penstock:{store}:audit:cuts"     // hash: "start" or number of the last entry removed -> cut (JSON). No TTL, at most maxGaps and one
	keyArchived = "penstock:{store}:audit:archived" // string: id of the last entry that the history has. No TTL
)

// keyExport is a hash of an exporter: seq and ms of the last entry exported, hash of it, target, lost, error, failing_since, at. No TTL:
// there is one for each sink that was ever configured, of three.
func keyExport(sink string) string { return "penstock:{store}:audit:export:" + sink }

// keyExportTurn is a string: the process that exports to a sink. TTL: turnTTL.
func keyExportTurn(sink string) string { return "penstock:{store}:audit:export:" + sink + ":turn" }
