package generate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// tsReserved are the names that the runtime declares or uses, and those that no type may have.
var tsReserved = []string{ // read only
	"AbortController", "AbortSignal", "Array", "AsyncGenerator", "Blob", "Caller", "CallOptions", "ClientConfig", "Date", "Error", "ErrorDetails", "File",
	"FileAnswer", "FileBody", "Headers", "JSON", "Math", "Number", "Object", "OperationCall", "ParamValue", "PenstockClient", "PenstockError", "Prepared",
	"Promise", "RawAnswer", "ReadableStream", "ReadonlyArray", "Record", "RequestInit", "Response", "String", "TextDecoder", "TextEncoder", "TypeError", "URL",
	"URLSearchParams", "Uint8Array", "WeakSet",
}

// tsTypes writes TypeScript types for schemas.
type tsTypes struct {
	components map[string]*schema
	circular   map[string]bool
	typeNames  map[string]string // of components
	names      names             // of the module
	out        strings.Builder   // declarations
}

// tsClient returns a TypeScript module.
func tsClient(operations []operation, components map[string]*schema) ([]byte, error) {
	shared, err := runtime.ReadFile("runtime/client.ts")
	if err != nil {
		return nil, fmt.Errorf("read runtime: %w", err)
	}
	g := &tsTypes{components: components, circular: circular(components), typeNames: map[string]string{}, names: names{}}
	for _, name := range tsReserved {
		g.names[name] = true
	}
	g.declareComponents()
	methods := names{"constructor": true}
	var calls strings.Builder
	for i := range operations {
		g.operation(&calls, &operations[i], methods)
	}
	var b strings.Builder
	b.WriteString("// " + generatedBy + "\n// It needs TypeScript 5 with lib dom and es2022; Node 20 or later, Deno, Bun or a browser.\n\n")
	b.WriteString("/** Calls the flows of a Penstock server. */\nexport class PenstockClient {\n  readonly #caller: Caller;\n\n  constructor(config: ClientConfig) {\n    this.#caller = new Caller(config);\n  }\n")
	b.WriteString(calls.String() + "}\n\n" + g.out.String() + string(shared))
	return []byte(b.String()), nil
}

func (g *tsTypes) declareComponents() {
	for _, name := range sorted(g.components) {
		g.typeNames[name] = g.names.take(identifier(name, title, false))
	}
	for _, name := range sorted(g.components) {
		s, text := g.components[name], "unknown"
		if !g.circular[name] {
			text = g.typeOf(s, "")
		}
		tsComment(&g.out, "", false, s.Description)
		fmt.Fprintf(&g.out, "export type %s = %s;\n\n", g.typeNames[name], text)
	}
}

// typeOf is the type of what fits a schema. Members of objects are on lines of their own, with this indentation and two
// spaces.
func (g *tsTypes) typeOf(s *schema, indent string) string {
	switch {
	case s == nil:
		return "unknown"
	case s.never:
		return "never"
	case s.component() != "":
		if to := s.component(); g.components[to] != nil && !g.circular[to] {
			return g.typeNames[to]
		}
		return "unknown"
	case s.isFile():
		return "Blob"
	case s.Const != nil:
		return literal(s.Const)
	case s.Enum != nil:
		return g.union(len(s.Enum), func(i int) string { return literal(s.Enum[i]) })
	}
	var all []string
	if len(s.Type) > 0 || s.Properties != nil {
		types := s.Type
		if len(types) == 0 {
			types = words{"object"}
		}
		all = append(all, g.union(len(types), func(i int) string { return g.ofType(s, types[i], indent) }))
	}
	if either := s.alternatives(); len(either) > 0 {
		all = append(all, g.union(len(either), func(i int) string { return g.typeOf(either[i], indent) }))
	}
	for _, part := range s.AllOf {
		all = append(all, g.typeOf(part, indent))
	}
	all = slices.DeleteFunc(all, func(t string) bool { return t == "unknown" })
	switch len(all) {
	case 0:
		return "unknown"
	case 1:
		return all[0]
	}
	return "(" + strings.Join(all, ") & (") + ")"
}

// union joins different types.
func (g *tsTypes) union(n int, part func(int) string) string {
	var all []string
	for i := range n {
		if text := part(i); !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	if slices.Contains(all, "unknown") || n == 0 {
		return "unknown"
	}
	return strings.Join(all, " | ")
}

func (g *tsTypes) ofType(s *schema, name, indent string) string {
	switch name {
	case "string", "boolean", "null":
		return name
	case "integer", "number":
		return "number"
	case "array":
		if len(s.Prefix) > 0 {
			return "Array<unknown>"
		}
		return "Array<" + g.typeOf(s.Items, indent) + ">"
	case "object":
		return g.objectOf(s, indent)
	}
	return "unknown"
}

func (g *tsTypes) objectOf(s *schema, indent string) string {
	var b strings.Builder
	b.WriteString("{\n")
	for _, name := range sorted(s.Properties) {
		property, optional := s.Properties[name], "?"
		if slices.Contains(s.Required, name) {
			optional = ""
		}
		if property != nil {
			tsComment(&b, indent+"  ", false, property.Description)
		}
		fmt.Fprintf(&b, "%s  %s%s: %s;\n", indent, tsKey(name), optional, g.typeOf(property, indent+"  "))
	}
	switch {
	case len(s.Properties) == 0 && s.Additional == nil, len(s.Properties) > 0 && s.Additional != nil && !s.Additional.never:
		b.WriteString(indent + "  [member: string]: unknown;\n")
	case len(s.Properties) == 0:
		fmt.Fprintf(&b, "%s  [member: string]: %s;\n", indent, g.typeOf(s.Additional, indent+"  "))
	}
	return b.String() + indent + "}"
}

// literal is the type of one JSON value.
func literal(v json.RawMessage) string {
	switch {
	case v[0] == '"':
		var text string
		_ = json.Unmarshal(v, &text) // it was parsed before
		return quote(text)
	case v[0] == '{' || v[0] == '[':
		return "unknown"
	}
	return string(v) // a number, true, false, null
}

// quote writes a text as a string literal of JavaScript and TypeScript.
func quote(text string) string {
	out, err := json.Marshal(text) // escapes also < > & and U+2028, U+2029
	if err != nil {
		panic(err) // texts always encode
	}
	return string(out)
}

// tsKey is the name of a member.
func tsKey(name string) string {
	for i, c := range name {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '$' || i > 0 && c >= '0' && c <= '9') {
			return quote(name)
		}
	}
	if name == "" || name == "__proto__" {
		return quote(name)
	}
	return name
}

// tsComment writes texts as a JSDoc comment, each a paragraph. They cannot end it, nor give orders to compilers.
func tsComment(b *strings.Builder, indent string, deprecated bool, texts ...string) {
	var all []string
	for _, text := range texts {
		lines := commentLines(text)
		if len(lines) > 0 && len(all) > 0 {
			all = append(all, "")
		}
		for _, line := range lines {
			line = strings.ReplaceAll(strings.ReplaceAll(line, "*/", `*\/`), "/*", `/\*`)
			if strings.HasPrefix(line, "@") || strings.HasPrefix(line, "/") || strings.HasPrefix(line, "*") {
				line = `\` + line
			}
			all = append(all, line)
		}
	}
	if deprecated {
		all = append(all, "", "@deprecated")
	}
	if len(all) == 0 {
		return
	}
	b.WriteString(indent + "/**\n")
	for _, line := range all {
		b.WriteString(strings.TrimRight(indent+" * "+line, " ") + "\n")
	}
	b.WriteString(indent + " */\n")
}
