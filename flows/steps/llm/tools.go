package llm

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/failure"
	"github.com/penstock/penstock/flows/steps/internal/pinned"
)

// tool is a flow that the model may call.
type tool struct {
	name        string
	description string
	schema      any
	flow        *flows.Flow // nil: in tests and rehearsals, which call none
}

// maxName is the maximum length in bytes of the name of a tool; providers accept letters, digits, - and _.
const maxName = 64

// findTools returns the tools, in the version that the step found first. Without a shape of a provider they have names only.
func (s *step) findTools(ctx context.Context, in *flows.Input, named bool) ([]tool, error) {
	tools := make([]tool, 0, len(s.tools))
	for _, ref := range s.tools {
		if named {
			tools = append(tools, tool{name: ref})
			continue
		}
		flow, err := pinned.Flow(ctx, in, ref)
		if err != nil {
			return nil, err
		}
		t, err := toolOf(flow, ref)
		if err != nil {
			return nil, err
		}
		for _, other := range tools {
			if other.name == t.name {
				return nil, failure.Errorf("tools: the flow %s comes twice", t.name)
			}
		}
		tools = append(tools, t)
	}
	return tools, nil
}

// toolOf describes a flow as it says of itself.
func toolOf(flow *flows.Flow, ref string) (tool, error) {
	t := tool{name: flow.ToolName(), flow: flow}
	if len(t.name) > maxName || t.name == finalTool {
		t.name = fmt.Sprintf("flow_%d", flow.Number)
	}
	if flow.Tool == nil {
		return t, failure.Errorf("tools: the flow %s does not say what it is good for: give it tool, with description and schema", ref)
	}
	t.description, t.schema = flow.Tool.Description, flow.Tool.Schema
	if t.schema == nil {
		t.schema = map[string]any{"type": "object"}
	}
	return t, nil
}

// callTools executes the calls of an answer one after the other, each once in all attempts.
func (c *conversation) callTools(ctx context.Context, in *flows.Input, turn int, calls []call) ([]result, error) {
	results := make([]result, len(calls))
	for i, one := range calls {
		items, err := c.callTool(ctx, in.Within(turn).Within(i), one)
		if err != nil {
			if ends(ctx, err) {
				return nil, err
			}
			results[i] = result{text: "error: " + toldOf(err), failed: true}
			continue
		}
		results[i] = resultOf(items)
	}
	return results, nil
}

func (c *conversation) callTool(ctx context.Context, in *flows.Input, one call) ([]any, error) {
	for i := range c.request.tools {
		t := &c.request.tools[i]
		switch {
		case t.name != one.name:
			continue
		case one.wrong || !isObject(one.arguments):
			return nil, failed(flows.CodeValidation, "the arguments are no JSON object")
		}
		if err := t.flow.Tool.CheckArguments(ctx, one.arguments); err != nil {
			return nil, flows.SchemaError(err, "the arguments do not fit: ", 0)
		}
		return in.Call(ctx, t.flow, one.arguments)
	}
	names := make([]string, len(c.request.tools))
	for i, t := range c.request.tools {
		names[i] = t.name
	}
	return nil, failed(flows.CodeValidation, "there is no tool of that name, only %s", strings.Join(names, ", "))
}

// ends reports whether the step ends with an error of a tool, instead of telling the model.
func ends(ctx context.Context, err error) bool {
	var parked *flows.Parked
	var known *flows.Error
	return ctx.Err() != nil || errors.As(err, &parked) || !errors.As(err, &known) || known.EndsRun()
}

// toldOf returns what the model is told of a failure. The message of a failed step may name hosts and settings, so that only its code is told.
func toldOf(err error) string {
	var known *flows.Error
	if !errors.As(err, &known) {
		return string(flows.CodeStepFailed)
	}
	switch known.Code {
	case flows.CodeStepFailed, flows.CodeExpression:
		return string(known.Code)
	}
	return failure.ShortLine(known.Message)
}

// maxResult is the maximum size in bytes of what the model is told of the output of a tool.
const maxResult = 256 << 10

// resultOf returns the output of a flow as text: its only item, or the list.
func resultOf(items []any) result {
	var v any = items
	if len(items) == 1 {
		v = items[0]
	}
	if flows.SizeOf(v) > 16*maxResult { // not encoded for nothing
		return result{text: "error: the output is too large", failed: true}
	}
	text := flows.EncodeJSON(v)
	if len(text) > maxResult {
		return result{text: "error: the output is too large", failed: true}
	}
	return result{text: string(text)}
}
