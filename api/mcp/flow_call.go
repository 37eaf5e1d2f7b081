package mcp

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/flows"
)

// metaKey is the member of a request's _meta with an idempotency key.
const metaKey = "penstock/idempotencyKey"

// checkTime bounds the check of arguments.
const checkTime = 250 * time.Millisecond

// callFlow runs a flow with the arguments as its event, and waits for its end as long as a request of the API does.
func (a *api) callFlow(ctx context.Context, r *mcp.CallToolRequest, flow *flows.Flow) (*mcp.CallToolResult, error) {
	event := []byte(r.Params.Arguments)
	if len(event) == 0 || string(event) == "null" {
		event = []byte("{}")
	}
	if wrong := checkArguments(ctx, flow, event); wrong != "" {
		return failed(wrong), nil
	}
	key, err := idempotencyKey(ctx, r)
	if err != nil {
		return nil, err
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if key != "" {
		header.Set("Idempotency-Key", key)
	}
	from := requestOf(ctx)
	ctx, done := a.calls.begin(ctx, from.key)
	defer done()
	run := &observedRun{}
	sent := httpx.WithRunID(ctx, run.set)
	if token := r.Params.GetProgressToken(); token != nil {
		progress := a.startProgress(ctx, r.Session, token, run)
		defer progress.stop()
	}
	answer, err := a.send(sent, http.MethodPost, "/v1/flows/"+strconv.FormatInt(flow.Number, 10)+"/runs", header, event)
	if ctx.Err() != nil && a.givesUp(ctx, from, key) {
		a.cancelRun(ctx, run.get())
	}
	switch {
	case errors.Is(err, errLarge):
		return failed("the output is larger than 8 MiB: read it at /v1/runs/" + run.get()), nil
	case err != nil:
		return nil, err
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	return flowResult(answer), nil
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
// number that the client gave to its request, which is its alone; empty: nothing.
func idempotencyKey(ctx context.Context, r *mcp.CallToolRequest) (string, error) {
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
	if from.key == "" {
		return "", nil
	}
	sum := sha256.Sum256([]byte(from.key))
	return "mcp-" + hex.EncodeToString(sum[:]), nil
}

// givesUp reports whether the end of a call also ends its run: the client has cancelled the call, or it has disconnected and has no key by
// which it could ask again.
func (a *api) givesUp(ctx context.Context, from *request, key string) bool {
	if errors.As(context.Cause(ctx), &errCancelled{}) {
		return true
	}
	return key == "" && errors.Is(context.Cause(from.connection), context.Canceled)
}

// cancelTime is the time limit for the cancellation of a run.
const cancelTime = 5 * time.Second

// cancelRun cancels a run whose caller has gone. One that has ended stays as it is.
func (a *api) cancelRun(ctx context.Context, run string) {
	if run == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelTime)
	defer cancel()
	_, _ = a.send(ctx, http.MethodPost, httpx.RunPath(run)+"/cancel", nil, nil) // otherwise the run ends at its limit
}

// flowResult makes a result of the response of the native API.
func flowResult(answer *response) *mcp.CallToolResult {
	if answer.status >= 400 {
		return failed(problemText(answer))
	}
	run := answer.header.Get(httpx.HeaderRun)
	if answer.status == http.StatusAccepted {
		return &mcp.CallToolResult{
			Content: []mcp.Content{
				&mcp.TextContent{Text: fmt.Sprintf("Run %s goes on. Its state and its output are in the resource %s; penstock_get_run reads it, too.", run, runURI(run))},
				&mcp.ResourceLink{URI: runURI(run), Name: run, Title: "The run", MIMEType: "application/json"},
			},
			StructuredContent: map[string]any{"run_id": run},
		}
	}
	var native struct {
		Success bool            `json:"success"`
		RunID   string          `json:"run_id"`
		Output  json.RawMessage `json:"output"`
	}
	if json.Unmarshal(answer.body, &native) == nil && native.Success && native.RunID == run && native.Output != nil {
		return &mcp.CallToolResult{
			Content:           []mcp.Content{&mcp.TextContent{Text: string(native.Output)}},
			StructuredContent: map[string]any{"run_id": run, "output": native.Output},
		}
	}
	return chosenResult(answer, run)
}

// chosenResult makes a result of a response that the flow chose.
func chosenResult(answer *response, run string) *mcp.CallToolResult {
	mediaType, _, _ := mime.ParseMediaType(answer.header.Get("Content-Type"))
	switch {
	case len(answer.body) == 0:
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: ""}}}
	case strings.HasSuffix(mediaType, "json") && bytes.HasPrefix(answer.body, []byte("{")):
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: string(answer.body)}}, StructuredContent: json.RawMessage(answer.body)}
	case strings.HasPrefix(mediaType, "image/"):
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.ImageContent{Data: answer.body, MIMEType: mediaType}}}
	case utf8.Valid(answer.body):
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: string(answer.body)}}}
	}
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.EmbeddedResource{Resource: &mcp.ResourceContents{URI: runURI(run), MIMEType: mediaType, Blob: answer.body}}}}
}

// problemText says what is wrong, from a problem document (RFC 9457).
func problemText(answer *response) string {
	var p httpx.Problem
	if json.Unmarshal(answer.body, &p) != nil || p.Code == "" {
		return fmt.Sprintf("the server answered with status %d", answer.status)
	}
	detail := cmp.Or(p.Detail, p.Title)
	if len(p.Problems) > 0 { // which follow
		detail = "the flow has mistakes"
	}
	text := detail + " (code " + p.Code
	if p.Step != "" {
		text += ", step " + p.Step
	}
	if p.RunID != "" {
		text += ", run " + p.RunID
	}
	text += ")"
	if after := answer.header.Get("Retry-After"); after != "" {
		text += "; try again after " + after + " s"
	}
	for _, mistake := range p.Problems {
		text += "\n" + mistake.Error()
	}
	return text
}
