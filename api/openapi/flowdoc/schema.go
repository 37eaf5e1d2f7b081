package flowdoc

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/flows"
)

// component adds a JSON Schema to the components of the document, and returns a reference to it. Its references to own
// parts lead to further components. A schema that cannot be moved, or is too large, is left open, and says so.
func (o *Operation) component(role string, schema any) object {
	name := o.ID + "_" + role
	m := &mover{root: schema, name: name, names: map[string]string{"": name}, moved: map[string]any{}}
	m.moved[name] = m.move(schema)
	if size := len(flows.EncodeJSON(m.moved)); m.failed || size > maxSchema {
		m.moved = map[string]any{name: object{"description": "There is a JSON Schema of this value in the flow, which cannot be given here."}}
	}
	for name, schema := range m.moved {
		o.schemas[name] = flows.EncodeJSON(schema)
	}
	return ref("schemas", name)
}

// mover moves a JSON Schema with its own root into the components of a document: each part that a reference leads to
// becomes a component, as generators follow no others.
type mover struct {
	root   any
	name   string
	names  map[string]string // components by JSON pointer into root
	moved  map[string]any    // by name
	failed bool              // something cannot be moved
}

// The keywords of JSON Schema (2020-12) by what they hold.
var (
	holdSchema  = []string{"additionalProperties", "contains", "contentSchema", "else", "if", "items", "not", "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties"}
	holdSchemas = []string{"allOf", "anyOf", "oneOf", "prefixItems"}
	holdNamed   = []string{"dependentSchemas", "patternProperties", "properties"}
	dropped     = []string{"$schema", "$id", "$comment", "$anchor", "$defs", "definitions", "$vocabulary"}
	refused     = []string{"$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor"}
)

// move returns a schema as a document may hold it.
func (m *mover) move(v any) any {
	s, ok := v.(object)
	if !ok {
		if v == false {
			return object{"not": object{}}
		}
		return object{}
	}
	out := object{}
	for name, value := range s {
		switch {
		case slices.Contains(refused, name), name == "$id" && m.isPart(s):
			m.failed = true
		case slices.Contains(dropped, name):
		case name == "$ref":
			text, _ := value.(string)
			out[name] = m.refer(text)
		case name == "items" && isList(value): // until draft 2019-09
			out["prefixItems"] = m.moveAll(value)
		case slices.Contains(holdSchema, name):
			if out[name] = value; !isBool(value) || name == "items" {
				out[name] = m.move(value)
			}
		case slices.Contains(holdSchemas, name):
			out[name] = m.moveAll(value)
		case slices.Contains(holdNamed, name):
			named := object{}
			for key, part := range asObject(value) {
				named[key] = m.move(part)
			}
			out[name] = named
		default:
			out[name] = value
		}
	}
	return plain(out)
}

// isPart reports whether a schema with an $id is inside of another one.
func (m *mover) isPart(s object) bool {
	root, ok := m.root.(object)
	return !ok || s["$id"] != root["$id"]
}

// plain writes a schema so that generators understand it: an array says what it holds, and several types beside null
// are alternatives.
func plain(s object) object {
	types, _ := s["type"].([]any)
	if s["type"] == "array" || slices.Contains(types, any("array")) {
		if s["items"] == nil {
			s["items"] = object{}
		}
	}
	some := slices.DeleteFunc(slices.Clone(types), func(t any) bool { return t == "null" })
	if len(some) < 2 || s["anyOf"] != nil {
		return s
	}
	either := []any{}
	for _, t := range types {
		one := object{"type": t}
		if t == "array" {
			one["items"] = s["items"]
			delete(s, "items")
		}
		either = append(either, one)
	}
	delete(s, "type")
	s["anyOf"] = either
	return s
}

func (m *mover) moveAll(v any) []any {
	list, _ := v.([]any)
	all := make([]any, len(list))
	for i, part := range list {
		all[i] = m.move(part)
	}
	return all
}

// refer returns the reference to the component of what a reference leads to.
func (m *mover) refer(text string) string {
	if root, _ := m.root.(object); root["$id"] != nil && root["$id"] != "" {
		id, _ := root["$id"].(string)
		text = strings.TrimPrefix(text, strings.TrimSuffix(id, "#"))
	}
	pointer, err := url.PathUnescape(strings.TrimPrefix(text, "#"))
	part, found := find(m.root, pointer)
	if err != nil || !strings.HasPrefix(text, "#") && text != "" || !found {
		m.failed = true
		return "#/components/schemas/" + m.name
	}
	name, known := m.names[pointer]
	if !known {
		name = m.free(pointer)
		m.names[pointer] = name
		m.moved[name] = m.move(part)
	}
	return "#/components/schemas/" + name
}

// free returns a name for a component that is not taken.
func (m *mover) free(pointer string) string {
	last := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, pointer[strings.LastIndexByte(pointer, '/')+1:])
	taken := slices.Collect(maps.Values(m.names))
	name := m.name + "_" + last
	for i := 2; slices.Contains(taken, name); i++ {
		name = m.name + "_" + last + strconv.Itoa(i)
	}
	return name
}

// find returns the part of a schema at a JSON pointer (RFC 6901).
func find(v any, pointer string) (any, bool) {
	if pointer == "" {
		return v, true
	}
	if pointer[0] != '/' { // an anchor
		return nil, false
	}
	for word := range strings.SplitSeq(pointer[1:], "/") {
		word = strings.NewReplacer("~1", "/", "~0", "~").Replace(word)
		switch part := v.(type) {
		case object:
			next, ok := part[word]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(word)
			if err != nil || i < 0 || i >= len(part) {
				return nil, false
			}
			v = part[i]
		default:
			return nil, false
		}
	}
	return v, true
}

func asObject(v any) object {
	o, _ := v.(object)
	return o
}

func isList(v any) bool {
	_, ok := v.([]any)
	return ok
}

func isBool(v any) bool {
	_, ok := v.(bool)
	return ok
}
