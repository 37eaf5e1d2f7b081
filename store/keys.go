package store

import "strconv"

// The Redis keys of the store. All share the hash tag {store}: on a Cluster they are in one slot, so that a change
// and its revision are one transaction. No other package accesses them. Those of the
// audit log are in package audit.
const (
	keyRevision = "penstock:{store}:rev"     // string, a counter: +1 with each change. No TTL
	keyFlows    = "penstock:{store}:flows"   // hash: flow number -> head (JSON). No TTL
	keyAPIKeys  = "penstock:{store}:keys"    // hash: API key -> record (JSON, secrets sealed). No TTL
	keyUsers    = "penstock:{store}:users"   // hash: name -> record (JSON, passwords hashed, second factors sealed). No TTL
	keyClients  = "penstock:{store}:clients" // hash: identifier -> record (JSON, secrets hashed). No TTL
	keySigning  = "penstock:{store}:signing" // hash: kid -> record (JSON, seed sealed). No TTL
	keyEpochs   = "penstock:{store}:epochs"  // hash: "user:<name>", "client:<id>", "key:<key>" -> epoch. No TTL

	keyConnections = "penstock:{store}:connections" // hash: name -> record (JSON, sealed as a whole). No TTL
	keySecrets     = "penstock:{store}:secrets"     // hash: name -> record (JSON, sealed as a whole). No TTL
	keyVars        = "penstock:{store}:vars"        // hash: name -> record (JSON), at most MaxVars. No TTL
	keyFormer      = "penstock:{store}:former"      // hash: number of a deleted flow -> the folder that it was in. No TTL: its runs may be kept for years
	keyFolders     = "penstock:{store}:folders"     // hash: name, "/" for the top -> rights (JSON), at most MaxFolders. No TTL

	keyEpoch     = "penstock:{store}:epoch"     // string, random: identifies the store; another value means another store. No TTL
	keyLog       = "penstock:{store}:log"       // stream: revision-0 -> names of what changed, tag. No TTL, bounded by logLength
	keyMaster    = "penstock:{store}:master"    // string: id of the master key that seals. No TTL
	keySchema    = "penstock:{store}:schema"    // hash: version, least. No TTL
	keyProcesses = "penstock:{store}:processes" // hash: process -> expiry, announcement (JSON). TTL: far above announceTTL
	keyReseal    = "penstock:{store}:reseal"    // string: the process that reseals. TTL: resealLock

	keySharedSearches = "penstock:{store}:searches" // hash: name -> saved search (JSON), at most MaxSharedSearches. No TTL

	keyProposals = "penstock:{store}:proposals" // hash: flow number -> proposal (JSON), at most maxProposals. TTL: proposalLife after the last one

	channelChanges = "penstock:{store}:changes" // a message is published with each change; its content is empty
)

// keySearches is a hash of the saved searches of a user: name -> saved search (JSON), at most MaxSearches. No TTL, deleted with
// the user.
func keySearches(user string) string {
	if user == "" {
		return keySharedSearches
	}
	return keySharedSearches + ":" + digest(user)
}

// keySource is a string: the source of one version of a flow. No TTL while the version is in the head's history, then
// sourceAfterlife, because an accepted run may be pinned to it.
func keySource(number int64, version string) string {
	return "penstock:{store}:flow:" + strconv.FormatInt(number, 10) + ":v:" + version
}

// keyProposalSource is a string: the flow file of a proposal. TTL: proposalLife.
func keyProposalSource(id string) string { return "penstock:{store}:proposal:" + id }

// keyToken is a hash of an access token: record (JSON), holder, epoch, actor, actor_epoch, revoked, and
// family, the key of its family of refresh tokens. TTL: its lifetime and a day.
func keyToken(text string) string { return "penstock:{store}:token:" + digest(text) }

// keyFamily is a hash of a family of refresh tokens: record (JSON), holder, epoch and current, the hash of its only valid
// token. TTL: the lifetime of its refresh tokens and of an access token.
func keyFamily(name string) string { return "penstock:{store}:refresh:" + digest(name) }

// keyFamilies is a zset of the families of a principal: key of the family -> end of its tokens in ms. TTL: that of the
// last family.
func keyFamilies(holder string) string { return "penstock:{store}:refreshes:" + digest(holder) }

// keyOnce is a string: an id that is valid once. TTL: as long as the id could be repeated.
func keyOnce(scope, id string) string { return "penstock:{store}:once:" + digest(scope, id) }

// keyGrant is a string: the grant of one version of a connection, JSON sealed as a whole. TTL: until it is useless.
func keyGrant(connection, version string) string {
	return "penstock:{store}:grant:" + connection + ":" + version
}

// keyGrantLock is a random string of the process that requests a new grant. TTL: longer than a request may take.
func keyGrantLock(connection, version string) string {
	return keyGrant(connection, version) + ":lock"
}

// keyPublicClient is a string: a client that has registered itself (JSON). TTL: registrationTTL, then approvedTTL.
func keyPublicClient(id string) string { return "penstock:{store}:public:" + digest(id) }

// keyCode is a string: what an authorization code stands for (JSON). TTL: codeTTL. It is deleted when it is read.
func keyCode(code string) string { return "penstock:{store}:code:" + digest(code) }
