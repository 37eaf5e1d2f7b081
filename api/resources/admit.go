package resources

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// kindPublic is the kind of principal that a caller of an open operation is:
// "public:69".
const kindPublic auth.Kind = "public"

// retryDisabled is when a caller may try a flow again that is switched off.
const retryDisabled = time.Minute

// request is one request that may run its operation.
type request struct {
	flow      *flows.Flow
	operation *flows.Operation
	principal *auth.Principal
	prefer    runner.Preference
	listing   *listing.Query[row] // nil: the operation has none
	submit    queue.Submission
}

// admit decides whether a request may run the operation that serves it, and
// as what.
func (a *api) admit(c *gin.Context, route store.Route, values []string) (*request, error) {
	if err := a.config.LimitAddress(c); err != nil {
		return nil, err
	}
	flow, ok := a.config.Flows.Find(strconv.FormatInt(route.Flow, 10))
	if !ok {
		return nil, &httpx.Fault{Status: http.StatusServiceUnavailable, Code: "unavailable", Message: "this server cannot run the flow of this path", Retry: retryDisabled}
	}
	o := flow.HTTP.Operation(route.Method, route.Path)
	if o == nil { // deployed anew in between
		return nil, &httpx.Fault{Status: http.StatusNotFound, Code: "not_found", Message: "nothing is at this path"}
	}
	r := &request{flow: flow, operation: o, prefer: runner.ParsePrefer(c.Request.Header)}
	if err := a.authorize(c, r); err != nil {
		return nil, err
	}
	if !a.config.Flows.Enabled(flow.Number) {
		return nil, &httpx.Fault{Status: http.StatusServiceUnavailable, Code: "disabled", Message: "this operation is switched off; try again later", Retry: retryDisabled}
	}
	if err := httpx.Take(c, "runs"); err != nil {
		return nil, err
	}
	return r, a.read(c, r, values)
}

// authorize finds out who calls, and whether that is enough.
func (a *api) authorize(c *gin.Context, r *request) error {
	x, o, number := httpx.StateOf(c), r.operation, r.flow.Number
	if len(o.Auth) == 0 {
		id := strconv.FormatInt(number, 10)
		x.Principal = &auth.Principal{Kind: kindPublic, ID: id, Name: id}
		r.principal = x.Principal
		return nil
	}
	x.Ways = o.Auth
	if err := a.config.Authenticate(c, o.Auth); err != nil {
		return err
	}
	r.principal = x.Principal
	if x.Principal.BodyOnly {
		return &auth.Error{Code: auth.CodeUnauthorized, Message: "a signature of version 1 does not cover the path: sign with v2"}
	}
	for _, scope := range scopesOf(o) {
		if !x.Principal.May(scope, number) {
			return auth.MissingScope(scope, ", for flow "+strconv.FormatInt(number, 10))
		}
	}
	return nil
}

// scopesOf are the scopes that a caller of the operation needs.
func scopesOf(o *flows.Operation) []auth.Scope {
	if len(o.Scopes) == 0 {
		return []auth.Scope{auth.ScopeRun}
	}
	scopes := make([]auth.Scope, len(o.Scopes))
	for i, s := range o.Scopes {
		scopes[i] = auth.Scope(s.Name)
	}
	return scopes
}

// read makes the submission of a request.
func (a *api) read(c *gin.Context, r *request, values []string) error {
	params, query, err := readParams(c, r.operation, values)
	if err != nil {
		return err
	}
	event := map[string]any{"operation": r.operation.Name, "method": r.operation.Method, "path": strings.TrimSuffix(c.Request.URL.Path, "/"), "params": params}
	if r.operation.Listing != nil {
		if r.listing, err = readListing(r.flow, r.operation, query); err != nil {
			return err
		}
		if event["listing"], err = listingValue(r.flow, r.listing); err != nil {
			return err
		}
	}
	r.submit = runner.Submission(c, r.flow, r.principal)
	body, err := a.readBody(c, r.operation, &r.submit)
	if err != nil {
		return err
	}
	r.submit.Event = withBody(event, body)
	if r.submit.IdempotencyKey, err = a.guard(c, r); err != nil {
		return err
	}
	runner.AttachRepeated(&r.submit, r.principal)
	return nil
}

// guard makes one run of requests with one Idempotency-Key, for one principal
// and operation. Callers of an open operation are told apart by their address.
func (a *api) guard(c *gin.Context, r *request) (*queue.IdempotencyKey, error) {
	scope := r.principal.String() + "\x00" + strconv.FormatInt(r.flow.Number, 10) + "\x00" + r.operation.Name + "\x00"
	if r.principal.Kind == kindPublic {
		scope += c.ClientIP() + "\x00"
	}
	return runner.RequestGuard(c.Request.Header, scope, func() string {
		sum := sha256.Sum256(httpx.StateOf(c).WithoutFileIDs(r.submit.Event))
		return hex.EncodeToString(sum[:])
	})
}
