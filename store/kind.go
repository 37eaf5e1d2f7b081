package store

// kind is one kind of record. It is the prefix of names in the log of changes, and a part of the identity that a
// sealed record is bound to.
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
	kindVar        kind = "var"
	kindFolder     kind = "folder"
)

// kinds lists all kinds with their hashes.
var kinds = []struct { // read only
	kind kind
	hash string
}{
	{kindFlow, keyFlows}, {kindUser, keyUsers}, {kindClient, keyClients}, {kindSigning, keySigning},
	{kindKey, keyAPIKeys}, {kindConnection, keyConnections}, {kindSecret, keySecrets},
	{kindVar, keyVars}, {kindFolder, keyFolders},
}

// hash returns the hash of the kind's records: name → record.
func (k kind) hash() string {
	for _, entry := range kinds {
		if entry.kind == k {
			return entry.hash
		}
	}
	panic("store: no kind " + string(k))
}

// of returns the name of one record: "key/abc".
func (k kind) of(name string) string { return string(k) + "/" + name }
