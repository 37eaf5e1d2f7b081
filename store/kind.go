package store

// kind names one sort of record. It begins the names in the log of changes,
// and what a sealed record is bound to.
type kind string

// The kinds of records whose changes are logged.
const (
	kindFlow       kind = "flow"
	kindUser       kind = "user"
	kindClient     kind = "client"
	kindSigning    kind = "signing"
	kindKey        kind = "key"
	kindConnection kind = "connection"
	kindSecret     kind = "secret"
)

// kinds are all of them, each with its hash.
var kinds = []struct { // read only
	kind kind
	hash string
}{
	{kindFlow, keyFlows}, {kindUser, keyUsers}, {kindClient, keyClients}, {kindSigning, keySigning},
	{kindKey, keyAPIKeys}, {kindConnection, keyConnections}, {kindSecret, keySecrets},
}

// hash is where the records of the kind are stored: name -> record.
func (k kind) hash() string {
	for _, entry := range kinds {
		if entry.kind == k {
			return entry.hash
		}
	}
	panic("store: no kind " + string(k))
}

// of names one record: "key/abc".
func (k kind) of(name string) string { return string(k) + "/" + name }
