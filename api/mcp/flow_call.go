package mcp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/flows"
)

// metaKey is the member of a request's _meta with an idempotency key.
const metaKey = "penstock/idempotencyKey"

// checkTime bounds the check of arguments.
const checkTime = 250 * time.Millisecond

// answerTime is how long a call waits for its run. Clients commonly give up after 60 s, and must have the id of the run before.
const answerTime = 45 * time.Second

// callFlow runs a flow with the arguments as its event, and waits for its end.
func (a *api) callFlow(ctx context.Context, r *mcp.CallToolRequest, flow *flows.Flow) (*mcp.CallToolResult, error) {
	event := []byte(r.Params.Arguments)
	if len(event) == 0 || string(event) == "null" {
		event = []byte("{}")
	}
	if wrong := checkArguments(ctx, flow, event); wrong != "" {
		return failed(wrong), nil
	}
	key, err := idempotencyKey(ctx, r, flow)
	if err != nil {
		return nil, err
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if key != "" {
		header.Set("Idempotency-Key", key)
	}
	run := newObservedRun()
	if token := r.Params.GetProgressToken(); token != nil {
		progress := a.startProgress(ctx, r.Session, token, run)
		defer progress.stop()
	}
	path := "/v1/flows/" + strconv.FormatInt(flow.Number, 10) + "/runs"
	answers, unwatch := a.sendRun(ctx, path, header, event, key, run)
	defer unwatch() // the connection also ends when it has its answer
	wait := time.NewTimer(answerTime)
	defer wait.Stop()
	select {
	case s := <-answers:
		return a.flowResult(ctx, flow, s, run.get()), nil
	case <-wait.C:
		if id := run.get(); id != "" {
			return goesOn(id), nil
		}
		return failed("the run was not accepted within " + answerTime.String() + "; try again later"), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// sendRun sends the request of the API that runs a flow. The request outlives the call: it ends with the run, or after a caller's longest wait.
// Until then the client may cancel the call. Until unwatch is called, a client that disconnects and has no key, by which it could ask again, has
// cancelled it, too, and the request ends when this process stops.
func (a *api) sendRun(ctx context.Context, path string, header http.Header, event []byte, key string, run *observedRun) (_ <-chan sentCall, unwatch func() bool) {
	from := requestOf(ctx)
	ctx, stop := context.WithCancelCause(httpx.WithRunID(context.WithoutCancel(ctx), run.set))
	cancel := func() { a.cancelRun(ctx, run) }
	unwatch = context.AfterFunc(from.connection, func() {
		switch {
		case !disconnected(from.connection): // this process stops
			stop(context.Cause(from.connection))
		case key == "":
			cancel()
		}
	})
	remove := a.calls.add(from.key, cancel)
	answers := make(chan sentCall, 1) // buffered, so that the sender never blocks
	go func() {
		defer stop(nil)
		defer remove()
		answer, err := a.send(ctx, http.MethodPost, path, header, event)
		answers <- sentCall{answer, err}
	}()
	return answers, unwatch
}

// sentCall is what became of the request that runs a flow.
type sentCall struct {
	answer *response
	err    error
}

// checkArguments returns how the arguments violate the schema of the tool; empty: they do not.
func checkArguments(ctx context.Context, flow *flows.Flow, event []byte) string {
	v, err := flows.DecodeJSON(event)
	if err != nil {
		return "the arguments are no JSON: " + err.Error()
	}
	if _, ok := v.(map[string]any); !ok {
		return "the arguments are not an object"
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	if err := flow.Tool.CheckArguments(ctx, v); err != nil {
		return "the arguments do not fit the schema of the tool: " + err.Error()
	}
	return ""
}

// idempotencyKey returns what equal calls of one caller have in common: the key in _meta or in the header Idempotency-Key, or else the
// number that the client gave to its request, which is its alone, unless the flow has a key of its own; empty: nothing. flow is nil for an
// operation.
func idempotencyKey(ctx context.Context, r *mcp.CallToolRequest, flow *flows.Flow) (string, error) {
	from := requestOf(ctx)
	if given, ok := r.Params.Meta[metaKey]; ok {
		key, isText := given.(string)
		if !isText || key == "" || len(key) > 255 || strings.ContainsFunc(key, func(c rune) bool { return c < ' ' || c > '~' }) {
			return "", invalidParams("_meta: %s must be 1 to 255 printable ASCII characters", metaKey)
		}
		return key, nil
	}
	if key := from.header.Get("Idempotency-Key"); key != "" {
		return key, nil
	}
	if from.key == "" || flow != nil && flow.Webhook != nil && flow.Webhook.IdempotencyKey != nil {
		return "", nil
	}
	sum := sha256.Sum256([]byte(from.key))
	return "mcp-" + hex.EncodeToString(sum[:]), nil
}

// cancelTime is the time limit for the cancellation of a run.
const cancelTime = 5 * time.Second

// cancelRun cancels a run whose caller has gone, if it was accepted. One that has ended stays as it is.
func (a *api) cancelRun(ctx context.Context, run *observedRun) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelTime)
	defer cancel()
	if id := run.wait(ctx); id != "" {
		_, _ = a.send(ctx, http.MethodPost, httpx.RunPath(id)+"/cancel", nil, nil) // otherwise the run ends at its limit
	}
}
