package mcp

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

// pageSize is how many tools a response lists.
const pageSize = 200

// listTools answers tools/list: the operations that the caller may use, and the flows that it may run and that are tools, by number.
func (a *api) listTools(ctx context.Context, r *mcp.ListToolsRequest) (*mcp.ListToolsResult, error) {
	p := requestOf(ctx).principal
	out := &mcp.ListToolsResult{Tools: []*mcp.Tool{}, Cacheable: mcp.Cacheable{TTLMs: listAge, CacheScope: "private"}}
	var after int64
	if r.Params != nil && r.Params.Cursor != "" {
		var err error
		if after, err = strconv.ParseInt(r.Params.Cursor, 10, 64); err != nil || after < 1 {
			return nil, invalidParams("there is no page %q of the tools", r.Params.Cursor)
		}
	}
	if after == 0 {
		for i := range operations {
			if operations[i].allows(p) {
				out.Tools = append(out.Tools, operations[i].tool())
			}
		}
	}
	listed := 0
	for _, d := range a.config.Flows.List() {
		if d.Number <= after || !isTool(&d, p) {
			continue
		}
		if listed == pageSize {
			out.NextCursor = strconv.FormatInt(after, 10)
			break
		}
		after = d.Number
		if flow, ok := a.config.Flows.Find(strconv.FormatInt(d.Number, 10)); ok && flow.Tool != nil {
			out.Tools = append(out.Tools, toolOf(flow))
			listed++
		}
	}
	return out, nil
}

// isTool reports whether a flow is a tool that the caller may call.
func isTool(d *store.Deployment, p *auth.Principal) bool {
	return d.Tool && p.May(auth.ScopeRun, d.Number)
}

// toolNamed returns the flow that is the tool of that name. What the caller may not call does not exist for it.
func (a *api) toolNamed(ctx context.Context, name string) (*flows.Flow, error) {
	ref := strings.TrimPrefix(name, "flow_")
	if flow, ok := a.config.Flows.Find(ref); ok && flow.Tool != nil && flow.ToolName() == name && requestOf(ctx).principal.May(auth.ScopeRun, flow.Number) {
		return flow, nil
	}
	return nil, invalidParams("there is no tool %q for you", name)
}

// toolOf describes a flow as a tool.
func toolOf(f *flows.Flow) *mcp.Tool {
	does := f.Consequences()
	input := f.Tool.Schema
	if input == nil {
		input = map[string]any{"type": "object"}
	}
	t := &mcp.Tool{
		Name: f.ToolName(), Title: cmp.Or(f.Name, f.ToolName()), Description: f.Tool.Description, InputSchema: input,
		Annotations: &mcp.ToolAnnotations{ReadOnlyHint: does.ReadOnly, IdempotentHint: does.Repeatable, DestructiveHint: &does.Removes, OpenWorldHint: &does.Outside},
	}
	if !f.Responds() { // a response of the flow's own may be anything
		t.OutputSchema = outputSchema(f)
	}
	return t
}

// outputSchema describes the structured content of a result: a run, and the items that it has put out, once it has ended. Items are
// described by output_schema alone: clients refuse what does not fit, so that a guess from tests would refuse good results.
func outputSchema(f *flows.Flow) any {
	const items = "#/properties/output/items" // where the schema of an item is
	item := any(map[string]any{})
	if f.Output != nil {
		if moved, ok := moveSchema(f.Output, items); ok {
			item = moved
		}
	}
	return map[string]any{
		"type": "object", "required": []string{"run_id"},
		"properties": map[string]any{
			"run_id": map[string]any{"type": "string", "description": "The run of the call."},
			"output": map[string]any{"type": "array", "items": item, "description": "The items that the flow returned. Without it the run goes on: read its resource."},
		},
	}
}

// moveSchema returns a JSON Schema whose references to its own parts hold at another place of a document. It reports whether it could:
// anchors and ids have no place of their own.
func moveSchema(v any, to string) (any, bool) {
	switch v := v.(type) {
	case map[string]any:
		moved := make(map[string]any, len(v))
		for name, part := range v {
			switch name {
			case "$id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveAnchor", "$recursiveRef", "id":
				if _, isText := part.(string); isText {
					return nil, false
				}
			case "$schema":
				continue
			case "$ref":
				if ref, isText := part.(string); isText {
					pointer, own := strings.CutPrefix(ref, "#")
					if !own || pointer != "" && pointer[0] != '/' {
						return nil, false
					}
					moved[name] = to + pointer
					continue
				}
			}
			var ok bool
			if moved[name], ok = moveSchema(part, to); !ok {
				return nil, false
			}
		}
		return moved, true
	case []any:
		moved := make([]any, len(v))
		for i, part := range v {
			var ok bool
			if moved[i], ok = moveSchema(part, to); !ok {
				return nil, false
			}
		}
		return moved, true
	}
	return v, true
}
