package smartsync

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/strictjson"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// Paths are the paths of the SmartSYNC API. Read only.
var Paths = []string{"/apis/execute.php", "/apis/execute"}

// Serves reports whether a path is one of Paths.
func Serves(path string) bool {
	return path == Paths[0] || path == Paths[1]
}

// signedCall is a request with a valid check value.
type signedCall struct {
	query auth.Query
	data  []byte // canonical body of a POST: the signed text is the event
	key   *store.Key
}

// errCheck is the same text for an unknown key and a wrong check value.
var errCheck = &auth.Error{Code: auth.CodeUnauthorized, Message: "unknown key or wrong check value"}

// execute runs a flow for a caller that signs with a check value, and responds with the output of the final step or
// with the envelope of a failure.
func (a *api) execute(c *gin.Context) {
	call, err := a.readSigned(c)
	var s queue.Submission
	if err == nil {
		httpx.StateOf(c).Principal, err = a.principal(c, call.key)
	}
	if err == nil {
		s, err = a.authorizeSigned(c, call)
	}
	var result *queue.Result
	if err == nil {
		result, err = a.run(c, s)
	}
	switch {
	case err != nil:
		httpx.Fail(c, err)
	case result.Early != nil:
		writeAnswer(c, result.Early)
	default:
		httpx.Write(c, http.StatusOK, httpx.TypeJSON, successOpen, runner.OutputOf(result), runner.SuccessClose)
	}
}

// principal returns the principal of a key.
func (a *api) principal(c *gin.Context, key *store.Key) (*auth.Principal, error) {
	if a.config.Folders == nil {
		return auth.KeyPrincipal(key, nil), nil
	}
	v, err := a.config.Folders.View(c.Request.Context())
	if err != nil {
		return nil, fmt.Errorf("read folders: %w: %w", auth.ErrUnavailable, err)
	}
	return auth.KeyPrincipal(key, v), nil
}

// run runs a flow to its end, or until it responds. The error is a Fault for a run without output.
func (a *api) run(c *gin.Context, s queue.Submission) (*queue.Result, error) {
	a.config.Runner.ChooseVersion(c, &s)
	result, err := a.config.Runner.Execute(c, s, runner.WaitForEnd(c, &s, false)) // "Execution time is limited to 60 seconds", says its document
	if err != nil || result != nil && result.Early != nil {
		return result, err
	}
	f := failureOf(c, result)
	if f == nil {
		return result, nil
	}
	if result == nil && a.config.Runner.Parked(c, f.Run) {
		f.Message = runner.ParkedMessage
	}
	return nil, f
}

// readSigned reads the request and verifies its check value. A caller without the secret learns only whether the
// request is well-formed.
func (a *api) readSigned(c *gin.Context) (*signedCall, error) {
	query, err := auth.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	if err := httpx.CheckEncoding(c.Request.Header); err != nil {
		return nil, err
	}
	call := &signedCall{query: query}
	if c.Request.Method == http.MethodPost {
		body, err := httpx.ReadBody(c)
		if err != nil {
			return nil, err
		}
		call.data = auth.Canonical(a.copyIfRecorded(body))
	}
	key, secrets, err := auth.FindKey(c.Request.Context(), a.config.Keys, query.Get("key"), httpx.Now(c))
	if err != nil {
		return nil, err
	}
	proof := auth.Proof{
		Name: string(auth.KindKey) + ":" + query.Get("key"), IP: c.ClientIP(), Now: httpx.Now(c),
		Valid: auth.VerifyCheck(query, call.data, secrets), Strong: auth.Strong(secrets.Current, secrets.Previous),
	}
	if err := a.config.Guard.Check(c.Request.Context(), proof, errCheck); err != nil {
		return nil, err
	}
	auth.RecordUse(a.config.Usage, key, secrets, func(only auth.Secrets) bool { return auth.VerifyCheck(query, call.data, only) })
	call.key = key
	return call, nil
}

// authorizeSigned returns the submission of a signed call, or the reason why it is rejected. Submitting it detects
// repetitions, in the same round trip.
func (a *api) authorizeSigned(c *gin.Context, call *signedCall) (queue.Submission, error) {
	if err := auth.CheckTime(call.query.Get("ts"), httpx.Now(c), auth.Window(call.key)); err != nil {
		return queue.Submission{}, err
	}
	if !call.key.APIAccess {
		return queue.Submission{}, auth.ErrAccessOff
	}
	p := httpx.StateOf(c).Principal
	flow, ok := a.config.Flows.Find(call.query.Get("flow"))
	if !ok || !p.May(auth.ScopeRun, flow.Number) {
		return queue.Submission{}, &httpx.Fault{Status: http.StatusNotFound, Code: "not_found", Message: "there is no such flow for this key"}
	}
	httpx.StateOf(c).FlowNumber = flow.Number
	if err := httpx.Take(c, "execute"); err != nil {
		return queue.Submission{}, err
	}
	if err := p.CheckOperationScopes(flow); err != nil {
		return queue.Submission{}, err
	}
	if err := checkData(c, flow, call.data); err != nil {
		return queue.Submission{}, err
	}
	if err := a.config.Runner.RejectIfPaused(flow.Number); err != nil {
		return queue.Submission{}, err
	}
	if err := runner.RejectIfCollects(flow); err != nil {
		return queue.Submission{}, err
	}
	params, err := runner.DeclaredParams(flow, call.query, "flow", "key", "ts", "check")
	if err != nil {
		return queue.Submission{}, err
	}
	s := runner.Submission(c, flow, p)
	s.Event, s.Params = call.data, params
	s.IdempotencyKey = replayKey(call)
	return s, nil
}

// checkData checks whether the method and the trigger of the flow allow the data.
func checkData(c *gin.Context, f *flows.Flow, data []byte) error {
	if c.Request.Method == http.MethodGet {
		sent, err := httpx.HasBody(c.Request)
		if err != nil {
			return err
		}
		if sent {
			return httpx.BadRequest("unexpected_body", "a GET has no body: send data with POST, where it is signed")
		}
		return nil
	}
	if len(data) == 0 {
		return nil
	}
	if !acceptsBody(f) {
		return httpx.BadRequest("unexpected_body", "this flow does not start with a webhook, so it takes no data: send none")
	}
	if err := httpx.CheckType(c.Request.Header); err != nil {
		return err
	}
	return strictjson.Check(data, httpx.MaxDepth)
}

// replayKey returns the idempotency key of a check value, which is stored as long as its timestamp is valid.
func replayKey(call *signedCall) *queue.IdempotencyKey {
	return &queue.IdempotencyKey{
		Key:    "smartsync\x00" + call.key.Key + "\x00" + strings.ToLower(call.query.Get("check")),
		Window: auth.ReplayWindow(call.key),
		Reject: call.key.OnReplay != store.OnReplayAttach,
	}
}

// failureOf returns the error of a run without output, or nil. A nil result means that the run did not end in time.
// The status is 400 for all errors but internal ones, also when the flow chooses another.
func failureOf(c *gin.Context, r *queue.Result) *httpx.Fault {
	if r == nil {
		r = &queue.Result{State: queue.TimedOut}
	}
	f := runner.RunFault(httpx.StateOf(c).Run, r, runner.Detailed(c))
	if f == nil {
		return nil
	}
	internal := r.Error != nil && r.Error.Code == flows.CodeInternal
	f.Status, f.ByFlow = http.StatusBadRequest, false
	if internal {
		f.Status = http.StatusInternalServerError
	}
	if f.Step != "" && flows.Reserved(flows.Code(f.Code)) { // the author of the flow wrote the messages of all other codes
		f.Message = "step " + f.Step + ": " + f.Message
	}
	return f
}

// acceptsBody reports whether the event of a flow is sent by its caller.
func acceptsBody(f *flows.Flow) bool { return f.Webhook != nil }

// copyIfRecorded returns a body that may be changed: a copy if the body contains line breaks, which are removed,
// and is recorded as sent.
func (a *api) copyIfRecorded(body []byte) []byte {
	if !a.config.BodiesRecorded || bytes.IndexByte(body, '\n') < 0 && bytes.IndexByte(body, '\r') < 0 {
		return body
	}
	return slices.Clone(body)
}
