package mcp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
)

// operation is a tool by which programs watch and repair: a request of the HTTP API.
type operation struct {
	name    string // without the prefix
	title   string
	text    string     // description
	scope   auth.Scope // that the caller must hold for some flow; the request checks the rest
	params  []param
	reads   bool // it changes nothing
	removes bool // it may end or replace something

	request func(args) outgoing // the request of the API
	// plan is a request that says what the operation would do. The operation is then carried out only in a second call, which repeats
	// the confirmation of the plan that the first one returned; nil: at once.
	plan func(args) outgoing
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

func (o *operation) allows(p *auth.Principal) bool { return o.scope == "" || p.Holds(o.scope) }

// tool describes the operation.
func (o *operation) tool() *mcp.Tool {
	outside := false
	return &mcp.Tool{
		Name: prefix + o.name, Title: o.title, Description: o.text, InputSchema: o.schema(),
		Annotations: &mcp.ToolAnnotations{ReadOnlyHint: o.reads, DestructiveHint: &o.removes, OpenWorldHint: &outside},
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
	if o.plan == nil {
		return a.result(ctx, o.request(given))
	}
	confirmation := given.text(confirmed)
	delete(given, confirmed)
	answer, err := a.ask(ctx, o.plan(given))
	if err != nil {
		return failedToSend(err)
	}
	if answer.status >= 400 {
		return failed(problemText(answer)), nil
	}
	want := o.confirmation(requestOf(ctx).principal, given, answer.body)
	if confirmation == want {
		return a.result(ctx, o.request(given))
	}
	text := "Nothing has been done yet. This is what would be done; if that is wanted, call the tool again with confirm: " + want + "."
	if confirmation != "" {
		text = "The confirmation is not that of this plan, which may have changed. " + text
	}
	return &mcp.CallToolResult{
		Content:           []mcp.Content{&mcp.TextContent{Text: text + "\n" + string(answer.body)}},
		StructuredContent: map[string]any{"plan": json.RawMessage(answer.body), confirmed: want},
	}, nil
}

// confirmation names a plan of a caller.
func (o *operation) confirmation(p *auth.Principal, given args, plan []byte) string {
	if o.moves {
		plan = nil
	}
	sum := sha256.Sum256(flows.EncodeJSON([]any{o.name, p.String(), map[string]any(given), string(plan)}))
	return hex.EncodeToString(sum[:6])
}

func (a *api) ask(ctx context.Context, o outgoing) (*response, error) {
	return a.send(ctx, o.method, o.path, o.header, o.body)
}

// result sends a request and makes a result of the response.
func (a *api) result(ctx context.Context, o outgoing) (*mcp.CallToolResult, error) {
	answer, err := a.ask(ctx, o)
	switch {
	case err != nil:
		return failedToSend(err)
	case answer.status >= 400:
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
