package schema

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// node is a schema prepared for evaluation. Keywords without subschemas are read from the library's schema.
type node struct {
	*jsonschema.Schema
	shared   bool // several references lead to it: its results are stored
	types    int  // bit set of the allowed types; 0: all
	resource *node
	anchors  map[string]*node // dynamic anchors of a resource

	ref, dynamic, recursive          *node
	not, if_, then, else_            *node
	allOf, anyOf, oneOf              []*node
	properties, dependents           map[string]*node
	patterns                         []patternNode
	additional, names, contains      *node
	unevaluatedProps, unevaluatedSet *node
	prefix                           []*node // items by position
	rest                             *node   // the other items
	open, closed                     bool    // additionalProperties: true, false
	closedItems                      bool    // additionalItems: false
	enum                             *valueSet
	constant                         *valueSet
	bounds                           []bound
}

type patternNode struct {
	pattern pattern
	node    *node
}

// tree builds the nodes of one schema.
type tree struct {
	nodes   map[*jsonschema.Schema]*node
	dynamic bool
}

func (t *tree) node(s *jsonschema.Schema) *node {
	if s == nil {
		return nil
	}
	if n, known := t.nodes[s]; known {
		n.shared = true
		return n
	}
	n := &node{Schema: s, bounds: boundsOf(s)}
	t.nodes[s] = n
	if s.Types != nil {
		for _, name := range s.Types.ToStrings() {
			n.types |= typeBit(name)
		}
	}
	if s.Enum != nil {
		n.enum = newValueSet(s.Enum.Values)
	}
	if s.Const != nil {
		n.constant = newValueSet([]any{*s.Const})
	}
	t.scopes(n)
	t.references(n)
	n.not, n.if_, n.then, n.else_ = t.node(s.Not), t.node(s.If), t.node(s.Then), t.node(s.Else)
	n.allOf, n.anyOf, n.oneOf = t.list(s.AllOf), t.list(s.AnyOf), t.list(s.OneOf)
	t.object(n)
	t.array(n)
	return n
}

func (t *tree) list(all []*jsonschema.Schema) []*node {
	nodes := make([]*node, len(all))
	for i, s := range all {
		nodes[i] = t.node(s)
	}
	return nodes
}

func (t *tree) named(all map[string]*jsonschema.Schema) map[string]*node {
	nodes := make(map[string]*node, len(all))
	for name, s := range all {
		nodes[name] = t.node(s)
	}
	return nodes
}

func (t *tree) references(n *node) {
	n.ref = t.node(n.Ref)
	if n.RecursiveRef != nil {
		n.recursive, t.dynamic = t.node(n.RecursiveRef), true
		n.recursive.shared = true
	}
	if n.DynamicRef != nil {
		n.dynamic = t.node(n.DynamicRef.Ref)
		n.dynamic.shared = true
		t.dynamic = t.dynamic || n.DynamicRef.Anchor != ""
	}
}

// scopes sets the resource of a schema and its dynamic anchors. The library does not export these fields, so that
// reflection reads them; the JSON Schema test suite fails when they are gone.
func (t *tree) scopes(n *node) {
	fields := reflect.ValueOf(n.Schema).Elem()
	n.resource = n
	if s := (*jsonschema.Schema)(fields.FieldByName("resource").UnsafePointer()); s != nil && s != n.Schema {
		known := t.nodes[s] != nil
		shared := known && t.nodes[s].shared
		n.resource = t.node(s)
		n.resource.shared = shared
	}
	for all := fields.FieldByName("dynamicAnchors").MapRange(); all.Next(); {
		anchor := t.node((*jsonschema.Schema)(all.Value().UnsafePointer()))
		anchor.shared = true
		if n.anchors == nil {
			n.anchors = map[string]*node{}
		}
		n.anchors[all.Key().String()] = anchor
	}
}

func (t *tree) object(n *node) {
	s := n.Schema
	n.properties = t.named(s.Properties)
	n.dependents = t.named(s.DependentSchemas)
	for name, dependency := range s.Dependencies {
		if dependent, ok := dependency.(*jsonschema.Schema); ok {
			n.dependents[name] = t.node(dependent)
		}
	}
	for re, member := range s.PatternProperties {
		n.patterns = append(n.patterns, patternNode{re.(pattern), t.node(member)})
	}
	slices.SortFunc(n.patterns, func(a, b patternNode) int {
		return strings.Compare(a.pattern.String(), b.pattern.String())
	})
	switch additional := s.AdditionalProperties.(type) {
	case *jsonschema.Schema:
		n.additional = t.node(additional)
	case bool:
		n.open, n.closed = additional, !additional
	}
	n.names = t.node(s.PropertyNames)
	n.unevaluatedProps = t.node(s.UnevaluatedProperties)
}

func (t *tree) array(n *node) {
	s := n.Schema
	n.contains = t.node(s.Contains)
	n.unevaluatedSet = t.node(s.UnevaluatedItems)
	if s.DraftVersion >= 2020 {
		n.prefix, n.rest = t.list(s.PrefixItems), t.node(s.Items2020)
		return
	}
	switch items := s.Items.(type) {
	case *jsonschema.Schema:
		n.rest = t.node(items)
		return
	case []*jsonschema.Schema:
		n.prefix = t.list(items)
	}
	switch additional := s.AdditionalItems.(type) {
	case *jsonschema.Schema:
		n.rest = t.node(additional)
	case bool:
		n.closedItems = !additional
	}
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
