// Package flowdoc describes the operations of flows in OpenAPI: those of an http trigger, and the native endpoint of a
// flow that declares what it takes or returns.
package flowdoc

import (
	"strconv"

	"github.com/penstock/penstock/flows"
)

// Part is the description of one version of a flow. It is immutable and safe for concurrent use.
type Part struct {
	Flow       int64
	Version    string
	Title      string      // the flow's name, or its number
	Tag        []byte      // a tag object of OpenAPI, which all operations have
	Operations []Operation // at least one

	// Declared says that the flow declares what it takes or returns: it has an http trigger or a schema. Documents of
	// several flows leave others out.
	Declared bool
}

// Size is about how many bytes the description holds.
func (p *Part) Size() int {
	size := len(p.Tag) + len(p.Title)
	for i := range p.Operations {
		o := &p.Operations[i]
		size += len(o.object) + len(o.Path)
		for name, schema := range o.schemas {
			size += len(name) + len(schema)
		}
	}
	return size
}

// Only returns the description with the operations that keep accepts; nil: there are none.
func (p *Part) Only(keep func(*Operation) bool) *Part {
	out := *p
	out.Operations = nil
	for i := range p.Operations {
		if keep(&p.Operations[i]) {
			out.Operations = append(out.Operations, p.Operations[i])
		}
	}
	if out.Operations == nil {
		return nil
	}
	return &out
}

// Operation is the description of one operation.
type Operation struct {
	ID     string   // operationId; unique among all flows and the server's own operations
	Method string   // lower-case
	Path   string   // the template
	Scopes []string // all of which the caller must hold; empty: flows:run for the flow
	Ways   []string // to authenticate, as in flows.Operation; empty: anybody may call

	object  []byte            // the operation object (JSON)
	schemas map[string][]byte // components that it refers to, by name (JSON)
}

// Bounds of a description. What is larger is left out, and the description says so.
const (
	maxSamples = 3        // examples of one operation
	maxSample  = 8 << 10  // bytes of one example
	maxSchema  = 64 << 10 // bytes of one schema
)

type object = map[string]any

// asynchronous is part of the text of each flow. As a parameter and a response of every operation it would make each
// result of a generated client a union with a handle, which only callers with that preference get.
const asynchronous = "With `Prefer: respond-async` (RFC 7240) an operation answers 202 at once, with the address of the run in `Location`." +
	" A run that takes longer than a request waits, which is 60 s, is answered in the same way."

// Describe returns the description of a flow. It computes without the network, in a few milliseconds, and its size is
// bounded by that of the flow's file.
func Describe(f *flows.Flow) *Part {
	p := &Part{Flow: f.Number, Version: f.Version, Title: titleOf(f)}
	d := &describer{flow: f, tag: tagOf(f), prefix: prefixOf(f)}
	p.Declared = f.HTTP != nil || f.Output != nil || f.Webhook != nil && f.Webhook.Schema != nil
	if f.HTTP == nil {
		p.Operations = append(p.Operations, d.native())
	} else {
		ids := map[string]bool{}
		for _, o := range f.HTTP.Operations {
			id := d.prefix + "_" + identifier(o.Name)
			for i := 2; ids[id]; i++ { // names that differ in - and _ alone
				id = d.prefix + "_" + identifier(o.Name) + strconv.Itoa(i)
			}
			ids[id] = true
			p.Operations = append(p.Operations, d.http(o, id))
		}
	}
	p.Tag = flows.EncodeJSON(object{"name": d.tag, "x-displayName": p.Title, "description": "Flow " + strconv.FormatInt(f.Number, 10) + ": " + p.Title + ".\n\n" + asynchronous})
	return p
}

// describer describes the operations of one flow.
type describer struct {
	flow   *flows.Flow
	tag    string
	prefix string // of operationIds and schemas
}

func titleOf(f *flows.Flow) string {
	if f.Name != "" {
		return f.Name
	}
	return "Flow " + strconv.FormatInt(f.Number, 10)
}

// described begins an operation object.
func (d *describer) described(summary, description string, scopes []string, ways []string) object {
	if summary == "" {
		summary = titleOf(d.flow)
	}
	op := object{"tags": []any{d.tag}, "summary": summary, "description": description, "security": security(ways), "x-penstock-flow": d.flow.Number}
	if len(ways) > 0 {
		op["x-penstock-scopes"] = texts(scopes)
	}
	return op
}

// security lists the ways in. The scopes are beside it: a Security Requirement Object has scopes of OAuth alone, and
// linters take them for mistakes elsewhere.
func security(ways []string) []any {
	all := []any{}
	for _, way := range ways {
		none := []any{}
		switch way {
		case flows.AuthKey:
			all = append(all, object{"key": none, "signature": none})
		default: // bearer and basic have their names
			all = append(all, object{way: none})
		}
	}
	return all
}

func texts(list []string) []any {
	all := make([]any, len(list))
	for i, text := range list {
		all[i] = text
	}
	return all
}

func ref(section, name string) object { return object{"$ref": "#/components/" + section + "/" + name} }
