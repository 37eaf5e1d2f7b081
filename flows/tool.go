package flows

import (
	"context"
	"fmt"
	"strconv"

	"github.com/penstock/penstock/flows/internal/mistake"
)

// Tool is what a flow says about itself to programs that choose what to call by its description, as MCP clients do.
type Tool struct {
	Description string
	Schema      any // JSON Schema of the event, which is an object: tool.schema, or that of the webhook; nil: any object
	own         *Validator
}

var toolParams = []Param{
	{Name: "description", Type: TypeString, Required: true, Inline: true, Summary: "What the flow does and when to call it, for a program that chooses among tools."},
	{Name: "schema", Type: TypeLiteral, Summary: "JSON Schema of the arguments, an object, which is the event. That of the `webhook` trigger by default."},
}

// tool reads the flow's tool, after its trigger.
func (c *compiler) tool(a *Args) {
	o := a.Object("tool")
	if o == nil {
		return
	}
	at := a.places["tool"]
	f := c.flow
	t := &Tool{Description: o.String("description")}
	switch {
	case f.HTTP != nil:
		c.Add(mistake.IncompatibleSettings, at, "write a flow that calls this one, and make it the tool", "tool: a flow with an http trigger takes requests, not arguments")
	case f.Alert != nil:
		c.Add(mistake.IncompatibleSettings, at, "", "tool: a flow with an alert trigger takes what the server reports, not arguments")
	case f.Collects():
		c.Add(mistake.IncompatibleSettings, at, "", "tool: run.debounce and run.batch collect events, so that a call has no answer")
	}
	if f.Webhook != nil {
		t.Schema = f.Webhook.Schema
	}
	if o.Has("schema") {
		t.Schema = o.Literal("schema")
		var err error
		if t.own, err = NewValidator(t.Schema); err != nil {
			c.Add(mistake.Of(err, mistake.BadSchema), o.places["schema"], "", "schema: %v", err)
		}
		at = o.places["schema"]
	}
	if s, ok := t.Schema.(map[string]any); t.Schema != nil && (!ok || s["type"] != "object") {
		c.Add(mistake.IncompatibleSettings, at, "write type: object", "tool: its arguments are an object, and the schema must say so")
	}
	f.Tool = t
}

// ToolName is the name of the flow as a tool: its slug, or "flow_" and its number.
func (f *Flow) ToolName() string {
	if f.Slug != "" {
		return f.Slug
	}
	return "flow_" + strconv.FormatInt(f.Number, 10)
}

// CheckArguments returns an error that says how an event violates tool.schema; nil without one. The schema of a webhook trigger is
// checked by the run.
func (t *Tool) CheckArguments(ctx context.Context, event any) error {
	if t.own == nil {
		return nil
	}
	return t.own.Check(ctx, event)
}

// CheckOutput returns an error that says how items of an output violate output_schema; nil without one.
func (f *Flow) CheckOutput(ctx context.Context, items []any) error {
	if f.output == nil {
		return nil
	}
	for i, item := range items {
		if err := f.output.Check(ctx, item); err != nil {
			return fmt.Errorf("item %d: %w", i, err)
		}
	}
	return nil
}

// Consequences are what running a flow may do outside of the run, as its steps say.
type Consequences struct {
	ReadOnly   bool // it changes nothing
	Repeatable bool // a second run with the same event changes nothing more
	Removes    bool // it may change or remove something that is there
	Outside    bool // it reaches systems other than Penstock
}

// Consequences returns what running the flow may do. What a step says nothing about is assumed to happen.
func (f *Flow) Consequences() Consequences {
	all := Consequences{ReadOnly: true, Repeatable: true}
	for _, s := range f.allSteps {
		if s.effect != Pure && (!s.internalOnly || startsRuns[s.kind]) {
			all.Outside = true
		}
		if s.effect == Pure || s.effect == Read || keepsProgress[s.kind] {
			continue
		}
		if r, ok := s.runner.(OnlyReader); ok && r.OnlyReads() {
			all.Repeatable = false
			continue
		}
		all.ReadOnly = false
		all.Repeatable = all.Repeatable && s.effect == Idempotent && repeatable[s.kind]
		all.Removes = all.Removes || !addsOnly[s.kind]
	}
	return all
}

// OnlyReader is a Runner whose effect must not be repeated although it may change nothing, because each time costs.
type OnlyReader interface {
	Runner
	// OnlyReads reports whether the step changes nothing.
	OnlyReads() bool
}

var (
	// keepsProgress are the kinds that change nothing but the progress of their run; nested steps count by themselves.
	keepsProgress = map[string]bool{"parallel": true, "repeat": true, "respond": true, "delay": true, "lock": true, "limit": true}
	// repeatable are the kinds whose idempotent effects are so for a second run, too. Others are for a second attempt of the same run only.
	repeatable = map[string]bool{"http": true, "uses": true, "sql": true, "sftp": true, "s3": true}
	// addsOnly are the kinds that add something and change nothing that is there.
	addsOnly = map[string]bool{"email": true, "webhook": true, "wait_for": true}
	// startsRuns are the kinds that have other flows executed, which may do anything.
	startsRuns = map[string]bool{"emit": true, "publish": true}
)
