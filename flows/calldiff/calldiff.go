// Package calldiff compares what two versions of a flow declare of their calls.
package calldiff

import (
	"maps"
	"reflect"
	"slices"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/flows/internal/yaml"
)

// Between returns what two versions of a flow declare differently of what matters before a run is accepted: how
// requests are checked, read and keyed, and the queue. It returns paths of the flow file, as in trigger.webhook.schema. nil: a
// request that is read for one version can be executed by the other.
func Between(f, o *flows.Flow) []string {
	differs := valueDifferences("trigger", trigger(f), trigger(o), 2)
	for _, c := range []struct {
		what string
		same bool
	}{
		{"slug", f.Slug == o.Slug}, // a part of the address
		{"enabled", f.Enabled == o.Enabled},
		{"run.queue", f.Queue == o.Queue},
		{"run.concurrency", reflect.DeepEqual(fileValue(f, "run", "concurrency"), fileValue(o, "run", "concurrency"))}, // both versions share its places
		{"run.debounce", reflect.DeepEqual(fileValue(f, "run", "debounce"), fileValue(o, "run", "debounce"))},
		{"run.batch", reflect.DeepEqual(fileValue(f, "run", "batch"), fileValue(o, "run", "batch"))},
		{"the headers that programs read", slices.Equal(slices.Sorted(slices.Values(f.Headers())), slices.Sorted(slices.Values(o.Headers())))},
		{"output_schema", f.HTTP == nil || reflect.DeepEqual(f.Output, o.Output)},
		{"the use of $listing", f.HTTP == nil || o.HTTP == nil || f.HTTP.Pushdown() == o.HTTP.Pushdown() && f.HTTP.AnyFilter() == o.HTTP.AnyFilter()},
	} {
		if !c.same {
			differs = append(differs, c.what)
		}
	}
	return differs
}

// trigger returns the trigger as it is in the file, without a difference between short and long forms of its kind.
func trigger(f *flows.Flow) any {
	v := fileValue(f, "trigger")
	if v == nil {
		v = fileValue(f, "on")
	}
	if kind, ok := v.(string); ok {
		return map[string]any{kind: map[string]any{}}
	}
	if v == nil {
		return map[string]any{"manual": map[string]any{}}
	}
	return v
}

// fileValue returns the value at a path of the file; nil: there is none.
func fileValue(f *flows.Flow, path ...string) any {
	n := yaml.Read(f.Source, yaml.LinesOf(f.Source), func(mistake.Code, yaml.Place, string, string, ...any) {})
	for _, name := range path {
		if n != nil {
			n = n.Member(name)
		}
	}
	if n == nil {
		return nil
	}
	return nodeValue(n)
}

// nodeValue returns the value of a node without positions.
func nodeValue(n *yaml.Node) any {
	switch n.Shape {
	case yaml.Mapping:
		members := make(map[string]any, len(n.Keys))
		for i, k := range n.Keys {
			members[k.Name] = nodeValue(n.Items[i])
		}
		return members
	case yaml.Sequence:
		items := make([]any, len(n.Items))
		for i, item := range n.Items {
			items[i] = nodeValue(item)
		}
		return items
	}
	return n.Value
}

// valueDifferences returns the paths at which two values differ, down to a depth.
func valueDifferences(path string, a, b any, depth int) (differs []string) {
	x, okX := a.(map[string]any)
	y, okY := b.(map[string]any)
	if !okX || !okY || depth == 0 {
		if reflect.DeepEqual(a, b) {
			return nil
		}
		return []string{path}
	}
	names := maps.Clone(x)
	maps.Copy(names, y)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		v, inX := x[name]
		w, inY := y[name]
		if inX != inY {
			differs = append(differs, path+"."+name)
		} else {
			differs = append(differs, valueDifferences(path+"."+name, v, w, depth-1)...)
		}
	}
	return differs
}
