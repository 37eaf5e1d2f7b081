package mcp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
)

// operation is a tool by which programs watch and repair: a request of the HTTP API.
type operation struct {
	name    string // without the prefix
	title   string
	text    string       // description
	scopes  []auth.Scope // all of which the caller must hold for some flow; the request checks the rest
	orRun   bool         // the scope to run flows will do, for runs of the caller's own
	params  []param
	reads   bool // it changes nothing
	removes bool // it may end or replace something
	outside bool // it executes steps, which may reach other systems

	request func(args) outgoing // the request of the API
	// plan says what the operation would do, in requests of the API: its responses, by name. The operation is then carried out only in a
	// second call, which repeats the confirmation of the plan that the first one returned; nil: at once.
	plan func(args) map[string]outgoing
	// moves: what plan returns changes by itself, so that the confirmation is of the arguments alone.
	moves bool
}

// param is a parameter of an operation.
type param struct {
	name, kind, text string
	required         bool
	enum             []string
}

// outgoing is a request of the HTTP API.
type outgoing struct {
	method, path string
	header       http.Header
	body         []byte
}

// args are checked arguments by name.
type args map[string]any

func (a args) text(name string) string {
	text, _ := a[name].(string)
	return text
}

const (
	prefix    = "penstock_"
	confirmed = "confirm" // the parameter with the confirmation of a plan
)

// operationNamed returns the operation that is the tool of that name; nil: there is none.
func operationNamed(name string) *operation {
	own, ok := strings.CutPrefix(name, prefix)
	if i := slices.IndexFunc(operations, func(o operation) bool { return o.name == own }); ok && i >= 0 {
		return &operations[i]
	}
	return nil
}

// allows reports whether the caller may use the operation for some flow.
func (o *operation) allows(p *auth.Principal) bool {
	if o.orRun && p.Holds(auth.ScopeRun) {
		return true
	}
	return !slices.ContainsFunc(o.scopes, func(s auth.Scope) bool { return !p.Holds(s) })
}

// tool describes the operation.
func (o *operation) tool() *mcp.Tool {
	return &mcp.Tool{
		Name: prefix + o.name, Title: o.title, Description: o.text, InputSchema: o.schema(),
		Annotations: &mcp.ToolAnnotations{ReadOnlyHint: o.reads, DestructiveHint: &o.removes, OpenWorldHint: &o.outside},
	}
}

// schema is the JSON Schema of the arguments.
func (o *operation) schema() any {
	properties, required := map[string]any{}, []string{}
	for _, p := range o.allParams() {
		properties[p.name] = p.schema()
		if p.required {
			required = append(required, p.name)
		}
	}
	return map[string]any{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
}

func (p *param) schema() any {
	s := map[string]any{"type": p.kind, "description": p.text}
	if p.enum != nil {
		s["enum"] = p.enum
	}
	return s
}

func (o *operation) allParams() []param {
	if o.plan == nil {
		return o.params
	}
	return append(slices.Clip(o.params), param{name: confirmed, kind: "string", text: "The confirmation that a call without it returns with the plan. Ask the person for whom you work before you send it."})
}

// operate carries out an operation, or answers with its plan.
func (a *api) operate(ctx context.Context, o *operation, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	given, wrong := o.read(r.Params.Arguments)
	if wrong != "" {
		return failed(wrong), nil
	}
	key, err := idempotencyKey(ctx, r, nil)
	if err != nil {
		return nil, err
	}
	if o.plan == nil {
		return a.result(ctx, o.request(given), key)
	}
	confirmation := given.text(confirmed)
	delete(given, confirmed)
	plan, condition, refused, err := a.planOf(ctx, o, given)
	if refused != nil || err != nil {
		return refused, err
	}
	by := requestOf(ctx).principal
	if confirmation != "" && confirmation == o.confirmation(by, given, plan, confirmation) {
		out := o.request(given)
		for name, values := range condition {
			out.header[name] = values
		}
		return a.result(ctx, out, "confirmed-"+confirmation) // a confirmation is for one execution
	}
	want := o.confirmation(by, given, plan, "")
	text := "Nothing has been done yet. This is what would be done; if that is wanted, call the tool again with confirm: " + want + "."
	if confirmation != "" {
		text = "The confirmation is not that of this plan, which may have changed, or it is older than " + confirmationTime.String() + ". " + text
	}
	return &mcp.CallToolResult{
		Content:           []mcp.Content{&mcp.TextContent{Text: text + "\n" + string(plan)}},
		StructuredContent: map[string]any{"plan": json.RawMessage(plan), confirmed: want},
	}, nil
}

// planOf returns the plan of an operation, an object of the responses to its requests, and the headers by which the operation is carried out
// only if what it replaces has not changed.
func (a *api) planOf(ctx context.Context, o *operation, given args) (plan []byte, condition http.Header, refused *mcp.CallToolResult, err error) {
	parts := map[string]json.RawMessage{}
	for name, request := range o.plan(given) {
		answer, err := a.send(ctx, request.method, request.path, request.header, request.body)
		switch {
		case errors.Is(err, errLarge):
			return nil, nil, failed(err.Error()), nil
		case err != nil:
			return nil, nil, nil, err
		case answer.status == http.StatusNotFound && name == replaces:
			parts[name], condition = json.RawMessage("null"), http.Header{"If-None-Match": {"*"}}
			continue
		case answer.status >= http.StatusBadRequest:
			return nil, nil, failed(problemText(answer)), nil
		}
		if parts[name] = answer.body; name == replaces {
			condition = http.Header{"If-Match": {answer.header.Get("ETag")}}
		}
	}
	text, err := json.Marshal(parts)
	return text, condition, nil, err
}

// confirmationTime is how long a plan may be confirmed.
const confirmationTime = 15 * time.Minute

// confirmation names a plan of a caller, with the time at which it was made. given is a confirmation to compare with, which has the time;
// empty: now. A confirmation that is too old, or has no time, is equal to none.
func (o *operation) confirmation(p *auth.Principal, of args, plan []byte, given string) string {
	now := time.Now()
	at := strconv.FormatInt(now.Unix(), 36)
	if given != "" {
		var ok bool
		if _, at, ok = strings.Cut(given, "-"); !ok {
			return ""
		}
		if made, err := strconv.ParseInt(at, 36, 64); err != nil || now.Sub(time.Unix(made, 0)) > confirmationTime {
			return ""
		}
	}
	if o.moves {
		plan = nil
	}
	sum := sha256.Sum256(flows.EncodeJSON([]any{o.name, p.String(), map[string]any(of), string(plan), at}))
	return hex.EncodeToString(sum[:6]) + "-" + at
}

// result sends a request and makes a result of the response. key is its idempotency key; empty: none.
func (a *api) result(ctx context.Context, o outgoing, key string) (*mcp.CallToolResult, error) {
	header := maps.Clone(o.header)
	if key != "" && o.method == http.MethodPost {
		if header == nil {
			header = http.Header{}
		}
		header.Set("Idempotency-Key", key)
	}
	answer, err := a.send(ctx, o.method, o.path, header, o.body)
	switch {
	case err != nil:
		return failedToSend(err)
	case answer.status >= http.StatusBadRequest:
		return failed(problemText(answer)), nil
	case len(answer.body) == 0:
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "done"}}}, nil
	}
	return chosenResult(answer, ""), nil
}

// read reads and checks arguments. wrong says what is wrong with them; empty: nothing.
func (o *operation) read(text json.RawMessage) (_ args, wrong string) {
	given := args{}
	if len(text) > 0 {
		v, err := flows.DecodeJSON(text)
		if err != nil {
			return nil, "the arguments are no JSON: " + err.Error()
		}
		object, ok := v.(map[string]any)
		if !ok && v != nil {
			return nil, "the arguments are not an object"
		}
		given = object
	}
	all := o.allParams()
	for name := range given {
		if !slices.ContainsFunc(all, func(p param) bool { return p.name == name }) {
			return nil, fmt.Sprintf("there is no argument %q", name)
		}
	}
	for _, p := range all {
		if wrong := p.check(given[p.name]); wrong != "" {
			return nil, p.name + ": " + wrong
		}
	}
	return given, ""
}

func (p *param) check(v any) string {
	if v == nil {
		if p.required {
			return "is missing"
		}
		return ""
	}
	ok := false
	switch p.kind {
	case "string":
		_, ok = v.(string)
	case "integer":
		var n json.Number
		if n, ok = v.(json.Number); ok {
			_, err := n.Int64()
			ok = err == nil
		}
	case "object":
		_, ok = v.(map[string]any)
	}
	if !ok {
		return "expected a value of type " + p.kind
	}
	if text, _ := v.(string); p.enum != nil && !slices.Contains(p.enum, text) {
		return "expected one of " + strings.Join(p.enum, ", ")
	}
	return ""
}
