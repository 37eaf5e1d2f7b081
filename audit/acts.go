package audit

// Act is a kind of action.
type Act struct {
	Name      string // in Entry.Act: method and route, or words
	Operation string // id in the OpenAPI document; empty: it has none
	Kind      string // of what is acted on
	Summary   string // what was done, in the past
}

// The kinds of what is acted on.
const (
	KindFlow       = "flow"
	KindFolder     = "folder"
	KindRun        = "run"
	KindRuns       = "runs" // many, chosen by a filter
	KindOperation  = "operation"
	KindFailure    = "failure"
	KindUser       = "user"
	KindKey        = "key"
	KindClient     = "client"
	KindConnection = "connection"
	KindSecret     = "secret"
	KindVar        = "var"
	KindSigningKey = "signing_key"
	KindQueue      = "queue"
	KindWorker     = "worker"
	KindTopic      = "topic"
	KindToken      = "token" // a personal one
	KindSearch     = "search"
	KindCapture    = "capture"
	KindAudit      = "audit"
)

// Kinds are all kinds of what is acted on. Read only.
var Kinds = []string{
	KindFlow, KindFolder, KindRun, KindRuns, KindOperation, KindFailure, KindUser, KindKey, KindClient, KindConnection, KindSecret, KindVar, KindSigningKey, KindQueue,
	KindWorker, KindTopic, KindToken, KindSearch, KindCapture, KindAudit,
}

// acts are those whose entries have an operation, a kind and a sentence. A test compares them with the OpenAPI document. Read only.
var acts = byName([]Act{
	{"POST /v1/events/:topic", "publishEvent", KindTopic, "Published an event"},
	{"POST /v1/runs/bulk", "beginOperation", KindRuns, "Began an operation on many runs"},
	{"POST /v1/operations/:operation/stop", "stopOperation", KindOperation, "Stopped an operation on many runs"},
	{"PATCH /v1/runs/:run", "changeRun", KindRun, "Set the triage state of a run"},
	{"POST /v1/runs/:run/cancel", "cancelRun", KindRun, "Cancelled a run"},
	{"POST /v1/runs/:run/replay", "replayRun", KindRun, "Replayed a run"},
	{"POST /v1/runs/:run/resume", "resumeRun", KindRun, "Resumed a run"},
	{"PUT /v1/flows/:flow", "putFlow", KindFlow, "Deployed a version of a flow"},
	{"DELETE /v1/flows/:flow", "deleteFlow", KindFlow, "Deleted a flow"},
	{"POST /v1/flows/:flow/enable", "enableFlow", KindFlow, "Switched the triggers of a flow on"},
	{"POST /v1/flows/:flow/disable", "disableFlow", KindFlow, "Switched the triggers of a flow off"},
	{"GET /v1/flows/:flow/deliveries/:delivery", "readDelivery", KindFlow, "Read the headers and the body of a delivery"},
	{"POST /v1/flows/:flow/deliveries/:delivery/redeliver", "redeliver", KindFlow, "Ran a flow with a recorded delivery"},
	{"PUT /v1/flows/:flow/recording", "startRecording", KindFlow, "Began to record deliveries"},
	{"DELETE /v1/flows/:flow/recording", "stopRecording", KindFlow, "Stopped recording deliveries"},
	{"POST /v1/captures", "openCapture", KindCapture, "Opened a capture"},
	{"DELETE /v1/captures/:capture", "closeCapture", KindCapture, "Closed a capture"},
	{"POST /v1/flows/:flow/pause", "pauseFlow", KindFlow, "Paused a flow"},
	{"POST /v1/flows/:flow/resume", "resumeFlow", KindFlow, "Resumed a flow"},
	{"POST /v1/flows/:flow/rollback", "rollbackFlow", KindFlow, "Deployed an earlier version of a flow again"},
	{"PUT /v1/flows/:flow/canary", "startCanary", KindFlow, "Started a canary"},
	{"POST /v1/flows/:flow/proposal/approve", "approveProposal", KindFlow, "Approved a change that somebody else had proposed"},
	{"POST /v1/flows/:flow/proposal/reject", "rejectProposal", KindFlow, "Rejected a proposed change"},
	{"DELETE /v1/flows/:flow/canary", "stopCanary", KindFlow, "Ended a canary"},
	{"POST /v1/flows/:flow/canary/promote", "promoteCanary", KindFlow, "Made a canary the current version"},
	{"POST /v1/flows/:flow/check", "checkFlow", KindFlow, "Checked a flow file"},
	{"POST /v1/flows/:flow/tests", "testFlow", KindFlow, "Executed the tests of a flow file"},
	{"POST /v1/flows/:flow/rehearsals", "rehearseFlow", KindFlow, "Rehearsed a version over recent runs"},
	{"DELETE /v1/flows/:flow/snapshots/:name", "deleteSnapshot", KindFlow, "Deleted a snapshot of a changes step"},
	{"POST /v1/flows/:flow/webhooks/:webhook/redeliver", "redeliverWebhook", KindFlow, "Sent a webhook again"},
	{"POST /v1/flows/:flow/webhook-endpoints/:endpoint/enable", "enableWebhookEndpoint", KindFlow, "Enabled a webhook endpoint"},
	{"POST /v1/flows/:flow/webhook-endpoints/:endpoint/disable", "disableWebhookEndpoint", KindFlow, "Disabled a webhook endpoint"},
	{"GET /v1/history/export", "exportRuns", KindRuns, "Exported runs"},
	{"POST /v1/history/hold", "holdRuns", KindRuns, "Changed what runs are kept from being deleted"},
	{"POST /v1/history/erase", "eraseRuns", KindRuns, "Erased what people sent and got in runs"},
	{"PATCH /v1/failures/:failure", "changeFailure", KindFailure, "Changed the state of a failure"},
	{"PUT /v1/folders/:folder", "putFolder", KindFolder, "Changed who has which rights in a folder"},
	{"DELETE /v1/folders/:folder", "deleteFolder", KindFolder, "Took all rights in a folder"},
	{"POST /v1/users", "createUser", KindUser, "Made a user"},
	{"PATCH /v1/users/:name", "changeUser", KindUser, "Changed a user"},
	{"DELETE /v1/users/:name", "deleteUser", KindUser, "Deleted a user"},
	{"POST /v1/keys", "createKey", KindKey, "Made an API key"},
	{"PATCH /v1/keys/:key", "changeKey", KindKey, "Changed an API key"},
	{"DELETE /v1/keys/:key", "deleteKey", KindKey, "Deleted an API key"},
	{"POST /v1/keys/:key/rotate", "rotateKey", KindKey, "Gave an API key a new secret"},
	{"POST /v1/clients", "createClient", KindClient, "Made an API client"},
	{"PATCH /v1/clients/:identifier", "changeClient", KindClient, "Changed an API client"},
	{"DELETE /v1/clients/:identifier", "deleteClient", KindClient, "Deleted an API client"},
	{"POST /v1/clients/:identifier/assertion", "makeAssertion", KindClient, "Made an assertion of an API client"},
	{"POST /v1/clients/:identifier/token", "makeToken", KindClient, "Made an access token of an API client"},
	{"POST /v1/clients/:identifier/secret", "makeSecret", KindClient, "Gave an API client a new secret"},
	{"POST /v1/signing-keys", "rotateSigningKey", KindSigningKey, "Made a new key that signs assertions"},
	{"DELETE /v1/signing-keys/:kid", "deleteSigningKey", KindSigningKey, "Deleted a key that signs assertions"},
	{"PUT /v1/secrets/:name", "putSecret", KindSecret, "Stored a secret"},
	{"POST /v1/secrets/:name/test", "testSecret", KindSecret, "Tested whether a secret can be read where it is kept"},
	{"DELETE /v1/secrets/:name", "deleteSecret", KindSecret, "Deleted a secret"},
	{"PUT /v1/vars/:name", "putVar", KindVar, "Stored a variable"},
	{"DELETE /v1/vars/:name", "deleteVar", KindVar, "Deleted a variable"},
	{"PUT /v1/connections/:name", "putConnection", KindConnection, "Stored a connection"},
	{"DELETE /v1/connections/:name", "deleteConnection", KindConnection, "Deleted a connection"},
	{"POST /v1/connections/:name/test", "testConnection", KindConnection, "Tested a connection"},
	{"GET /v1/audit/export", "exportAudit", KindAudit, "Exported the audit log"},
	{"POST /v1/auth/explain", "explainAuth", KindKey, "Asked why a request of an API key was refused"},
	{"POST /v1/queues/:queue/pause", "pauseQueue", KindQueue, "Paused a queue"},
	{"POST /v1/queues/:queue/resume", "resumeQueue", KindQueue, "Resumed a queue"},
	{"POST /v1/workers/:worker/drain", "drainWorker", KindWorker, "Told a worker to begin no more runs"},
	{"POST /v1/workers/:worker/resume", "resumeWorker", KindWorker, "Told a worker to begin runs again"},
	{"POST /v1/tokens", "createToken", KindToken, "Made a personal token"},
	{"DELETE /v1/tokens/:token", "revokeToken", KindToken, "Revoked a personal token"},
	{"POST /oauth/revoke", "revoke", KindClient, "Revoked a token"},
	{"POST /oauth/register", "registerClient", KindClient, "A client registered itself"},
	{"impersonate", "", KindUser, "Began to act as a user with an API key"},
	{"exchange workload token", "", KindClient, "A program of a CI got a token"},

	{"promote canary", "promoteCanary", KindFlow, "Made a canary the current version, by its rule"},
	{"stop canary", "stopCanary", KindFlow, "Ended a canary, by its rule"},
	{"begin operation", "beginOperation", KindRuns, "Began an operation on many runs"},
	{"stop operation", "stopOperation", KindOperation, "Stopped an operation on many runs"},
	{"triage run", "changeRun", KindRun, "Set the triage state of a run"},
	{"POST /console/signin", "", KindUser, "Tried to sign in"},
	{"POST /developers/signin", "", KindUser, "Tried to sign in to the developer portal"},
	{"GET /console/signin/callback", "", KindUser, "Signed in at the provider, and was made or changed by it; or was refused"},
	{"GET /developers/signin/callback", "", KindUser, "Signed in at the provider for the developer portal, and was made or changed by it; or was refused"},
	{"POST /console/signin/provider/logout", "", KindUser, "The provider ended sessions of a user, who has signed out there"},
	{"POST /console/account/password", "", KindUser, "Changed the own password"},
	{"POST /developers/account/password", "", KindUser, "Changed the own password"},
	{"POST /console/signin/code", "", KindUser, "Tried a code of the second factor, used a recovery code, or set the second factor up"},
	{"POST /developers/signin/code", "", KindUser, "Tried a code of the second factor, used a recovery code, or set the second factor up"},
	{"POST /console/account/totp/confirm", "", KindUser, "Turned the own second factor on"},
	{"POST /developers/account/totp/confirm", "", KindUser, "Turned the own second factor on"},
	{"POST /console/account/totp/codes", "", KindUser, "Made new recovery codes of the own second factor"},
	{"POST /developers/account/totp/codes", "", KindUser, "Made new recovery codes of the own second factor"},
	{"POST /console/account/totp/off", "", KindUser, "Turned the own second factor off"},
	{"POST /developers/account/totp/off", "", KindUser, "Turned the own second factor off"},
	{"POST /console/account/tokens", "createToken", KindToken, "Made a personal token"},
	{"POST /console/account/tokens/{token}/revoke", "revokeToken", KindToken, "Revoked a personal token"},
	{"POST /console/account/sessions/end", "", KindUser, "Ended own sessions"},
	{"POST /developers/account/sessions/end", "", KindUser, "Ended own sessions"},
	{"POST /console/authorize", "", KindClient, "Let a client act as the user"},
	{"POST /console/runs/searches", "", KindSearch, "Saved a search"},
	{"POST /console/runs/searches/delete", "", KindSearch, "Deleted a saved search"},
	{"POST /console/runs/{run}/cancel", "cancelRun", KindRun, "Cancelled a run"},
	{"POST /console/runs/{run}/replay", "replayRun", KindRun, "Replayed a run"},
	{"POST /console/runs/{run}/resume", "resumeRun", KindRun, "Resumed a run"},
	{"POST /console/failures/{failure}", "changeFailure", KindFailure, "Changed the state of a failure"},
	{"POST /console/flows", "putFlow", KindFlow, "Deployed a version of a flow"},
	{"POST /console/flows/{flow}/proposal/approve", "approveProposal", KindFlow, "Approved a change that somebody else had proposed"},
	{"POST /console/flows/{flow}/proposal/reject", "rejectProposal", KindFlow, "Rejected a proposed change"},
	{"POST /console/flows/{flow}/rollback", "rollbackFlow", KindFlow, "Deployed an earlier version of a flow again"},
	{"POST /console/flows/{flow}/enabled", "", KindFlow, "Switched the triggers of a flow on or off"},
	{"POST /console/flows/{flow}/paused", "", KindFlow, "Paused or resumed a flow"},
	{"POST /console/flows/{flow}/delete", "deleteFlow", KindFlow, "Deleted a flow"},
	{"POST /console/flows/{flow}/recording", "", KindFlow, "Began or stopped recording deliveries"},
	{"POST /console/flows/{flow}/call", "", KindKey, "Was shown a URL signed with an API key"},
	{"GET /console/flows/{flow}/deliveries/{delivery}", "readDelivery", KindFlow, "Read the headers and the body of a delivery"},
	{"POST /console/flows/{flow}/webhooks/{webhook}/redeliver", "redeliverWebhook", KindFlow, "Sent a webhook again"},
	{"POST /console/flows/{flow}/webhook-endpoints/{endpoint}", "", KindFlow, "Enabled or disabled a webhook endpoint"},
	{"POST /console/captures", "openCapture", KindCapture, "Opened a capture"},
	{"POST /console/access/keys", "createKey", KindKey, "Made an API key"},
	{"POST /console/access/keys/{key}", "changeKey", KindKey, "Changed an API key"},
	{"POST /console/access/keys/{key}/access", "changeKey", KindKey, "Switched an API key on or off"},
	{"POST /console/access/keys/{key}/secret", "", KindKey, "Was shown a secret of an API key"},
	{"POST /console/access/keys/{key}/rotate", "rotateKey", KindKey, "Gave an API key a new secret"},
	{"POST /console/access/keys/{key}/settle", "changeKey", KindKey, "Ended the validity of the old secret of an API key"},
	{"POST /console/access/keys/{key}/delete", "deleteKey", KindKey, "Deleted an API key"},
	{"POST /console/access/clients", "createClient", KindClient, "Made an API client"},
	{"POST /console/access/clients/{client}", "changeClient", KindClient, "Changed an API client"},
	{"POST /console/access/clients/{client}/secret", "makeSecret", KindClient, "Gave an API client a new secret"},
	{"POST /console/access/clients/{client}/invalidate", "changeClient", KindClient, "Made the assertion and the tokens of an API client invalid"},
	{"POST /console/access/clients/{client}/assertion", "makeAssertion", KindClient, "Made an assertion of an API client"},
	{"POST /console/access/clients/{client}/token", "makeToken", KindClient, "Made an access token of an API client"},
	{"POST /console/access/clients/{client}/delete", "deleteClient", KindClient, "Deleted an API client"},
	{"POST /developers/clients", "createClient", KindClient, "Made an API client"},
	{"POST /developers/clients/{client}", "changeClient", KindClient, "Changed an API client"},
	{"POST /developers/clients/{client}/secret", "makeSecret", KindClient, "Gave an API client a new secret"},
	{"POST /developers/clients/{client}/invalidate", "changeClient", KindClient, "Made the assertion and the tokens of an API client invalid"},
	{"POST /developers/clients/{client}/assertion", "makeAssertion", KindClient, "Made an assertion of an API client"},
	{"POST /developers/clients/{client}/token", "makeToken", KindClient, "Made an access token of an API client"},
	{"POST /developers/clients/{client}/delete", "deleteClient", KindClient, "Deleted an API client"},
	{"POST /console/access/users", "createUser", KindUser, "Made a user"},
	{"POST /console/access/users/{user}", "changeUser", KindUser, "Changed a user"},
	{"POST /console/access/users/{user}/delete", "deleteUser", KindUser, "Deleted a user"},
	{"GET /console/access/audit/export", "exportAudit", KindAudit, "Exported the audit log"},
	{"POST /console/connections", "putConnection", KindConnection, "Stored a connection"},
	{"POST /console/connections/{name}/delete", "deleteConnection", KindConnection, "Deleted a connection"},
	{"POST /console/connections/{name}/test", "testConnection", KindConnection, "Tested a connection"},
	{"POST /console/connections/{name}/authorise", "", KindConnection, "Began to authorise a connection"},
	{"GET /console/authorised", "", KindConnection, "Authorised a connection"},
	{"POST /console/secrets", "putSecret", KindSecret, "Stored a secret"},
	{"POST /console/secrets/{name}/test", "testSecret", KindSecret, "Tested whether a secret can be read where it is kept"},
	{"POST /console/secrets/{name}/delete", "deleteSecret", KindSecret, "Deleted a secret"},
	{"POST /console/vars", "putVar", KindVar, "Stored a variable"},
	{"POST /console/vars/{name}/delete", "deleteVar", KindVar, "Deleted a variable"},
	{"POST /console/refused", "explainAuth", KindKey, "Asked why a request of an API key was refused"},
	{"POST /console/go/queues/{queue}", "", KindQueue, "Paused or resumed a queue"},
})

func byName(all []Act) map[string]Act {
	m := make(map[string]Act, len(all))
	for _, a := range all {
		m[a.Name] = a
	}
	return m
}

// ActOf returns the act with a name; of an unknown one only the name.
func ActOf(name string) Act {
	if a, known := acts[name]; known {
		return a
	}
	return Act{Name: name}
}

// Describe sets what follows from the act of an entry, if it is not set.
func (e *Entry) Describe() {
	a := ActOf(e.Act)
	if e.Operation == "" {
		e.Operation = a.Operation
	}
	if e.Kind == "" {
		e.Kind = a.Kind
	}
	if e.Summary == "" {
		e.Summary = a.Summary
	}
}
