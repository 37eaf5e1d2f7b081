package generate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// goTypes declares Go types for schemas.
type goTypes struct {
	components map[string]*schema
	circular   map[string]bool    // components without a type
	typeNames  map[string]string  // of components
	structs    map[*schema]string // of schemas that are no components
	names      names              // of the package
	out        strings.Builder    // declarations
}

const goRaw = "json.RawMessage" // anything; keeps numbers exact

// initialisms are written in capitals in Go. Read only.
var initialisms = []string{"api", "csv", "html", "http", "https", "id", "ip", "json", "sku", "sql", "uri", "url", "utc", "uuid", "xml"}

// goName is an exported identifier.
func goName(text string) string {
	return identifier(text, func(word string) string {
		if slices.Contains(initialisms, strings.ToLower(word)) {
			return strings.ToUpper(word)
		}
		return title(word)
	}, false)
}

// declareComponents declares the components, in the order of their names.
func (g *goTypes) declareComponents() {
	for _, name := range sorted(g.components) {
		g.typeNames[name] = g.names.take(goName(name))
	}
	for _, name := range sorted(g.components) {
		s, _ := g.components[name].nullable()
		if g.circular[name] {
			s = nil
		}
		g.declare(g.typeNames[name], s, "is a value of the API.")
	}
}

// declare declares a type with a name that is taken.
func (g *goTypes) declare(name string, s *schema, is string) {
	if g.structured(s) {
		g.declareStruct(name, s, is)
		return
	}
	text := g.typeOf(s, name)
	assign := "= " // keeps the methods of json.RawMessage
	if strings.HasPrefix(text, "[]") || strings.HasPrefix(text, "map[") {
		assign = "" // such a type may hold itself
	}
	var description string
	if s != nil {
		description = s.Description
	}
	goComment(&g.out, "", name+" "+is, description)
	fmt.Fprintf(&g.out, "type %s %s%s\n\n", name, assign, text)
}

// structured reports whether a struct can hold the objects that fit.
func (g *goTypes) structured(s *schema) bool {
	if !s.isObject() || len(s.Properties) == 0 {
		return false
	}
	return !slices.ContainsFunc(sorted(s.Properties), func(name string) bool { return !taggable(name) })
}

// taggable reports whether a struct tag may name a member (encoding/json).
func taggable(name string) bool {
	if name == "" || name == "-" {
		return false
	}
	for _, c := range name {
		if c < ' ' || c > '~' || strings.ContainsRune("\"'`,\\", c) {
			return false
		}
	}
	return true
}

func (g *goTypes) declareStruct(name string, s *schema, is string) {
	var b strings.Builder
	fields := names{}
	goComment(&b, "", name+" "+is, s.Description)
	fmt.Fprintf(&b, "type %s struct {\n", name)
	for _, member := range sorted(s.Properties) {
		property, field := s.Properties[member], fields.take(goName(member))
		text, tag := g.memberType(s, member, name+field)
		if property != nil {
			goComment(&b, "\t", property.Description, valuesText(property))
		}
		fmt.Fprintf(&b, "\t%s %s `json:\"%s\"`\n", field, text, tag)
	}
	b.WriteString("}\n\n")
	g.out.WriteString(b.String())
}

// memberType is the type of the field of a member, and its tag.
func (g *goTypes) memberType(s *schema, member, name string) (text, tag string) {
	property := s.Properties[member]
	text, tag = g.typeOf(property, name), member
	switch required := slices.Contains(s.Required, member); {
	case required && !g.isNullable(property):
	case nilable(text) && !required:
		tag += ",omitzero"
	case nilable(text):
	case required:
		text = "*" + text
	default:
		text, tag = "*"+text, tag+",omitempty"
	}
	if name := property.component(); name != "" && text == g.typeNames[name] && g.recursive(name) {
		text = "*" + text // a struct cannot hold itself
	}
	return text, tag
}

// fieldOf returns the name of the field of a member in a struct that was declared for a schema.
func fieldOf(s *schema, member string) string {
	fields := names{}
	for _, name := range sorted(s.Properties) {
		if field := fields.take(goName(name)); name == member {
			return field
		}
	}
	return ""
}

// nilable reports whether a type has the zero value nil.
func nilable(text string) bool {
	return text == "any" || text == goRaw || strings.HasPrefix(text, "[]") || strings.HasPrefix(text, "map[") || strings.HasPrefix(text, "*")
}

// typeOf is the type of what fits a schema, apart from null. A struct that it needs gets a name like the given one.
func (g *goTypes) typeOf(s *schema, name string) string {
	if s, _ = s.nullable(); s == nil {
		return goRaw
	}
	if to := s.component(); to != "" {
		if g.components[to] == nil || g.circular[to] {
			return goRaw
		}
		return g.typeNames[to]
	}
	switch values := s.values(); {
	case s.isFile():
		return "File"
	case values != nil:
		return goTypeOfValues(values)
	case len(s.alternatives())+len(s.AllOf) > 0:
		return goRaw
	case g.structured(s):
		if g.structs[s] == "" {
			g.structs[s] = g.names.take(name)
			g.declareStruct(g.structs[s], s, "is a value of the API.")
		}
		return g.structs[s]
	case s.isObject():
		if s.Additional == nil || len(s.Properties) > 0 {
			return "map[string]" + goRaw
		}
		return "map[string]" + g.elementOf(s.Additional, name+"Value")
	case s.plainType() == "array":
		if len(s.Prefix) > 0 {
			return "[]" + goRaw
		}
		return "[]" + g.elementOf(s.Items, name+"Item")
	}
	return map[string]string{"string": "string", "integer": "int64", "number": "float64", "boolean": "bool", "": goRaw}[s.plainType()]
}

// elementOf is the type of the values of a list or map.
func (g *goTypes) elementOf(s *schema, name string) string {
	text := g.typeOf(s, name)
	if g.isNullable(s) && !nilable(text) {
		return "*" + text
	}
	return text
}

// isNullable reports whether null fits, also through a reference.
func (g *goTypes) isNullable(s *schema) bool {
	inner, null := s.nullable()
	if to := inner.component(); !null && to != "" && !g.circular[to] {
		return g.isNullable(g.components[to])
	}
	return null
}

// recursive reports whether values of a component may hold others of it.
func (g *goTypes) recursive(name string) bool {
	return leadsTo(g.components, name, (*schema).parts)
}

// goTypeOfValues is the type of an enumeration.
func goTypeOfValues(values []json.RawMessage) string {
	found := ""
	for _, v := range values {
		text := goRaw
		switch {
		case v[0] == '"':
			text = "string"
		case string(v) == "true", string(v) == "false":
			text = "bool"
		case json.Unmarshal(v, new(int64)) == nil:
			text = "int64"
		}
		if found != "" && text != found {
			return goRaw
		}
		found = text
	}
	if found == "" {
		return goRaw
	}
	return found
}

// maxValues is the largest enumeration that comments list.
const maxValues = 20

// valuesText lists the values of an enumeration for a comment.
func valuesText(s *schema) string {
	inner, _ := s.nullable()
	if inner == nil || len(inner.values()) == 0 || len(inner.values()) > maxValues {
		return ""
	}
	var all []string
	for _, v := range inner.values() {
		all = append(all, string(v))
	}
	return "One of " + strings.Join(all, ", ") + "."
}

// goComment writes texts as a comment, each a paragraph; empty ones are left out.
func goComment(b *strings.Builder, indent string, texts ...string) {
	first := true
	for _, text := range texts {
		lines := commentLines(text)
		if len(lines) > 0 && !first {
			b.WriteString(indent + "//\n")
		}
		for _, line := range lines {
			b.WriteString(strings.TrimRight(indent+"// "+line, " ") + "\n")
			first = false
		}
	}
}
