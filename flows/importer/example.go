package importer

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/flows/internal/schema"
)

// Bounds of an example.
const (
	exampleDepth  = 4
	exampleValues = 60
	exampleText   = 200 // characters of a text
)

var errNoReference = errors.New("schemas of a connector refer to no other document")

func itoa(n int) string { return strconv.Itoa(n) }

func quoted(s string) string {
	text, _ := json.Marshal(s) // a text always encodes
	return string(text)
}

// exampleOf returns the example that a document gives for a value.
func exampleOf(holders ...node) (any, bool) {
	for _, n := range holders {
		n = n.resolve()
		for _, key := range []string{"example", "x-example"} {
			if m, _ := n.v.(map[string]any); m[key] != nil {
				return m[key], true
			}
		}
		examples := n.get("examples")
		if list := n.list("examples"); len(list) > 0 {
			return list[0].v, true
		}
		for _, name := range examples.names() {
			if v := examples.get(name, "value"); v.exists() {
				return v.v, true
			}
		}
	}
	return nil, false
}

// sampler makes values of schemas, within a number of values.
type sampler struct {
	left     int
	plain    bool // the examples of the document are not looked at
	response bool
}

// value makes a value for a schema as it is written. ok is false when the bounds are reached.
func (s *sampler) value(n node, depth int) (v any, ok bool) {
	n = n.resolve()
	if s.left--; s.left < 0 || depth > exampleDepth {
		return nil, false
	}
	if !s.plain {
		if v, ok := exampleOf(n); ok {
			return s.cut(v, depth)
		}
	}
	if d := n.get("default"); d.exists() {
		return s.cut(d.v, depth)
	}
	if list := n.list("enum"); len(list) > 0 {
		return list[0].v, scalarValue(list[0].v)
	}
	if c := n.get("const"); c.exists() {
		return s.cut(c.v, depth)
	}
	types := typesOf(n)
	members := membersOf(n)
	if len(types) == 0 && len(members) > 0 {
		types = []string{"object"}
	}
	if len(types) == 0 {
		for _, key := range []string{"allOf", "anyOf", "oneOf"} {
			for _, part := range n.list(key) {
				if v, ok := s.value(part, depth+1); ok {
					return v, true
				}
			}
		}
		return "text", true
	}
	switch types[0] {
	case "object":
		return s.object(n, members, depth), true
	case "array":
		if n.str("minItems") == "" && !s.response && depth > 0 || !n.get("items").exists() {
			return []any{}, true
		}
		element, ok := s.value(n.member("items"), depth+1)
		if !ok {
			return []any{}, true
		}
		return []any{element}, true
	}
	return sampleScalar(n, types[0]), true
}

// object makes an object of its required members; that of a response, of all.
func (s *sampler) object(n node, members map[string]node, depth int) map[string]any {
	out := map[string]any{}
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	required := requiredOf(n)
	for _, name := range names {
		if s.left < 0 {
			break
		}
		full := members[name].resolve()
		if !s.response && (!required[name] || full.flag("readOnly")) || s.response && (full.flag("writeOnly") || depth > 2) {
			continue
		}
		if v, ok := s.value(members[name], depth+1); ok {
			out[name] = v
		}
	}
	return out
}

// requiredOf are the required members of a schema, those of the schemas within allOf included.
func requiredOf(n node) map[string]bool {
	all := map[string]bool{}
	addRequired(all, n, map[string]bool{})
	return all
}

// addRequired visits each schema once.
func addRequired(all map[string]bool, n node, seen map[string]bool) {
	n = n.resolve()
	if !n.exists() || seen[n.place()] || len(seen) > 200 {
		return
	}
	seen[n.place()] = true
	for _, name := range n.strings("required") {
		all[name] = true
	}
	parts := n.list("allOf")
	for _, key := range []string{"anyOf", "oneOf"} { // that name the members that go together
		if list := n.list(key); len(list) == 1 || len(list) > 0 && n.get("properties").exists() {
			parts = append(parts, list[0])
		}
	}
	for _, part := range parts {
		addRequired(all, part, seen)
	}
}

func sampleScalar(n node, t string) any {
	switch t {
	case "integer", "number":
		for _, key := range []string{"minimum", "maximum"} {
			if v, ok := n.get(key).v.(json.Number); ok && !n.flag("exclusiveMinimum") && (t == "number" || hasType(v, "integer")) {
				return v
			}
		}
		if v, ok := n.get("exclusiveMinimum").v.(json.Number); ok {
			if i, err := v.Int64(); err == nil {
				return json.Number(strconv.FormatInt(i+1, 10))
			}
		}
		return json.Number("1")
	case "boolean":
		return true
	case "null":
		return nil
	}
	v := map[string]string{
		"date": "2026-07-01", "date-time": "2026-07-01T12:00:00Z", "uuid": "7c9d1812-1f0e-4c57-9a51-0f5a2f1f6c11", "email": "ada@example.org", "uri": "https://example.org", "url": "https://example.org",
		"time": "12:00:00Z", "ipv4": "192.0.2.1", "hostname": "example.org", "byte": "dGV4dA==",
	}[n.str("format")]
	if v == "" {
		v = "text"
	}
	if p := n.str("pattern"); p != "" {
		least, _ := strconv.Atoi(n.str("minLength"))
		if made, ok := matching(p, min(least, exampleText)); ok {
			return made
		}
	}
	if least, err := strconv.Atoi(n.str("minLength")); err == nil && least > len(v) && least < 200 {
		v += strings.Repeat("x", least-len(v))
	}
	if most, err := strconv.Atoi(n.str("maxLength")); err == nil && most > 0 && most < len(v) {
		v = v[:most]
	}
	return v
}

// matching makes a text that a regular expression matches, with its first choices and n of what may come often.
func matching(pattern string, n int) (string, bool) {
	if len(pattern) > 300 {
		return "", false
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return "", false
	}
	var b strings.Builder
	writeMatch(&b, parsed, n)
	re, err := regexp.Compile(pattern)
	return b.String(), err == nil && b.Len() <= exampleText && re.MatchString(b.String())
}

func writeMatch(b *strings.Builder, re *syntax.Regexp, n int) {
	if b.Len() > exampleText {
		return
	}
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		c := re.Rune[0]
		for i := 0; i+1 < len(re.Rune) && c < 'a'; i += 2 { // a letter reads better than the first character of all
			if re.Rune[i] >= 'a' || re.Rune[i] == '0' {
				c = re.Rune[i]
			}
		}
		b.WriteRune(max(c, ' '))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('a')
	case syntax.OpCapture, syntax.OpConcat:
		for _, sub := range re.Sub {
			writeMatch(b, sub, n)
		}
	case syntax.OpAlternate:
		writeMatch(b, re.Sub[0], n)
	default:
		least, most := 0, n
		switch re.Op {
		case syntax.OpPlus:
			least = 1
		case syntax.OpRepeat:
			least, most = re.Min, max(re.Max, re.Min)
			if re.Max < 0 {
				most = exampleText
			}
		case syntax.OpStar:
		default:
			return
		}
		for range min(max(least, n), max(most, least), exampleText) {
			writeMatch(b, re.Sub[0], n)
		}
	}
}

// cut copies an example of the document within the bounds: lists have one element, what lies too deep is left out.
func (s *sampler) cut(v any, depth int) (any, bool) {
	if s.left--; s.left < 0 || depth > exampleDepth {
		return nil, false
	}
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for _, e := range ordered(v).(mapping) {
			if inner, ok := s.cut(e.value, depth+1); ok {
				out[e.key] = inner
			}
		}
		return out, true
	case []any:
		out := []any{}
		for _, element := range v {
			inner, ok := s.cut(element, depth+1)
			if !ok {
				break
			}
			out = append(out, inner)
			if s.response || len(out) == 3 {
				break
			}
		}
		return out, true
	case string:
		return shorten(strings.ToValidUTF8(v, "?"), exampleText), true
	case json.Number:
		return v, plainNumber(v)
	}
	return v, true
}

// example is a call with its response: those of the document where it has some, else made of the schemas. It is
// left out when no params can be made that the schemas allow.
func (b *builder) example(op *operation, o *object, pages *paging) mapping {
	m := mapping{}
	checker, err := schema.Compile(plainValues(o.schema()), noLoader{})
	if err != nil {
		b.note(op.node.place(), "the schema of the params is not read by the validator: %v", shorten(err.Error(), 200))
		return m
	}
	for _, plain := range []bool{false, true} {
		params := b.exampleParams(op, o, plain)
		if err = checker.Check(context.Background(), params); err == nil {
			m = append(m, entry{"params", params})
			break
		}
	}
	if err != nil {
		b.note(op.node.place(), "without an example: none could be made that the schemas allow: %s", shorten(err.Error(), 160))
	}
	response := b.exampleResponse(op, pages)
	if pages != nil && (pages.kind == "page" || pages.kind == "offset") {
		m.add("response", []any{response, emptyPage(response)})
		return m
	}
	m.add("response", response)
	return m
}

// noLoader refuses the documents that a schema refers to: those of a connector refer to none.
type noLoader struct{}

func (noLoader) Load(string) (any, error) { return nil, errNoReference }

// plainValues turns mappings into objects.
func plainValues(v any) any {
	switch v := v.(type) {
	case mapping:
		m := make(map[string]any, len(v))
		for _, e := range v {
			m[e.key] = plainValues(e.value)
		}
		if _, ok := m["properties"]; ok && m["additionalProperties"] == nil {
			m["additionalProperties"] = false
		}
		return m
	case []any:
		out := make([]any, len(v))
		for i, element := range v {
			out[i] = plainValues(element)
		}
		return out
	}
	return v
}

func (b *builder) exampleParams(op *operation, o *object, plain bool) map[string]any {
	params := map[string]any{}
	var given map[string]any
	var members map[string]node
	if op.body != nil {
		members = membersOf(op.body.schema)
		if !plain {
			v, _ := exampleOf(op.body.node, op.body.schema)
			v = writable(v, op.body.schema, 0)
			given, _ = v.(map[string]any)
			if whole := o.field("body", "body"); whole != nil && whole.whole && v != nil {
				s := sampler{left: exampleValues}
				if whole.example, whole.has = s.cut(v, 0); whole.has && matchesTypes(whole.example, whole.schema) {
					params["body"] = whole.example
				}
			}
		}
	}
	s := sampler{left: 2 * exampleValues, plain: plain}
	for _, f := range o.fields {
		if _, has := params[f.name]; has {
			continue
		}
		if f.whole && f.schema["type"] == "string" && !may(typesOf(op.body.schema.resolve()), "string") { // a text in place of an object
			params[f.name] = "text"
			continue
		}
		switch v, ok := given[f.wire]; {
		case f.in == "body" && isFileSchema(f.schema):
			if f.required {
				params[f.name] = map[string]any{"file": "example"}
			}
		case f.in == "body" && f.isList() && isFileItems(f.schema):
			if f.required {
				params[f.name] = []any{map[string]any{"file": "example"}}
			}
		case f.in == "body" && ok && v != nil:
			if v, ok := s.cut(v, 1); ok {
				params[f.name] = v
			}
		case f.has && !plain && f.in != "body":
			if v, ok := s.cut(f.example, 1); ok && (f.required || f.schema["default"] == nil) && matchesTypes(v, f.schema) {
				params[f.name] = v
				continue
			}
			fallthrough
		case f.required:
			var n node
			if f.source != nil {
				n = f.source.schema
			} else if n = members[f.wire]; !n.exists() && op.body != nil {
				n = op.body.schema
			}
			if f.in == "server" {
				params[f.name] = map[string]any{hostPattern: "example.org", pathPattern: "v1", "^https?$": "https"}[textAt(f.schema, "pattern")]
				if params[f.name] == nil {
					params[f.name] = "https://api.example.org"
				}
				continue
			}
			s.response = f.in == "path" // an empty object cannot stand in a path
			if v, ok := s.value(n, 0); ok {
				params[f.name] = v
			}
			s.response = false
		}
	}
	return params
}

// writable copies a value without the members that are readOnly.
func writable(v any, n node, depth int) any {
	switch v := v.(type) {
	case map[string]any:
		members, out := membersOf(n), map[string]any{}
		for name, member := range v {
			if m := members[name]; m.resolve().flag("readOnly") {
				continue
			} else if m.exists() && depth < exampleDepth {
				member = writable(member, m, depth+1)
			}
			out[name] = member
		}
		return out
	case []any:
		out := make([]any, min(len(v), exampleValues))
		for i := range out {
			out[i] = writable(v[i], n.get("items"), depth+1)
		}
		return out
	}
	return v
}

// isFileSchema recognises what fileSchema makes.
func isFileItems(m map[string]any) bool {
	items, _ := m["items"].(map[string]any)
	return isFileSchema(items)
}

func isFileSchema(m map[string]any) bool {
	said, _ := m["description"].(string)
	return strings.HasSuffix(said, "A file of the run.")
}

// exampleResponse is the response of success, the last page of a paged one.
func (b *builder) exampleResponse(op *operation, pages *paging) mapping {
	status := op.success.status
	if !wholeNumber.MatchString(status) { // 2XX or default
		status = "200"
	}
	m := mapping{{"status", json.Number(status)}}
	if !isJSON(op.success.media) || !op.success.node.exists() {
		return m
	}
	s := sampler{left: exampleValues, response: true}
	v, ok := b.responseOf(op)
	if ok {
		v, ok = s.cut(v, 0)
	} else if op.success.schema.exists() {
		v, ok = s.value(op.success.schema, 0)
	}
	if !ok {
		return m
	}
	if pages != nil && pages.stop != nil {
		v = endAt(v, pages.stop)
	}
	return append(m, entry{"json", withList(v, pages)})
}

// withList adds the list of records to a page whose example in the document has none.
func withList(v any, pages *paging) any {
	body, isObject := v.(map[string]any)
	if pages == nil || pages.member == "" || !isObject {
		return v
	}
	if _, ok := body[pages.member].([]any); !ok {
		body[pages.member] = []any{}
		s := sampler{left: exampleValues, response: true, plain: true}
		if record, ok := s.value(pages.list, 1); ok {
			body[pages.member] = []any{record}
		}
	}
	return body
}

// emptyPage is the page behind the last one: its list has no records.
func emptyPage(page mapping) mapping {
	empty := mapping{page[0]}
	switch body := page.get("json").(type) {
	case map[string]any:
		without := map[string]any{}
		for name, v := range body {
			if _, isList := v.([]any); isList {
				v = []any{}
			}
			without[name] = v
		}
		return append(empty, entry{"json", without})
	}
	return append(empty, entry{"json", []any{}})
}

// responseOf returns the example of the document for the response.
func (b *builder) responseOf(op *operation) (any, bool) {
	r := op.success
	if b.spec.swagger {
		examples := r.node.get("examples")
		for _, media := range append([]string{r.media}, examples.names()...) {
			if v := examples.get(media); v.exists() {
				if text, ok := v.v.(string); ok {
					if parsed, err := decodeJSON([]byte(text)); err == nil {
						return parsed, true
					}
					return nil, false
				}
				return v.v, true
			}
		}
		return nil, false
	}
	v, ok := exampleOf(r.node.get("content", r.media))
	if text, isText := v.(string); isText && !may(typesOf(r.schema.resolve()), "string") { // JSON within a text
		parsed, err := decodeJSON([]byte(text))
		return parsed, err == nil
	}
	return v, ok
}

// endAt removes what names a next page.
func endAt(v any, names []string) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	if len(names) == 1 {
		delete(m, names[0])
		return m
	}
	m[names[0]] = endAt(m[names[0]], names[1:])
	if m[names[0]] == nil {
		delete(m, names[0])
	}
	return m
}

// outputOf is the schema of what the operation puts out: the response, or a record of a paged one.
func outputOf(op *operation, pages *paging) map[string]any {
	var out map[string]any
	source := op.success.schema
	if pages != nil {
		source = pages.list
	}
	if source.exists() {
		fit(reducer{response: true}, maxOutSchemas, func(r *reducer) { out = r.schema(source, 0) })
	}
	checksNothing(out)
	if pages != nil {
		return out
	}
	members := map[string]any{"status": map[string]any{"type": "integer"}}
	if len(out) > 0 && isJSON(op.success.media) {
		members["body"] = out
	}
	return map[string]any{"type": "object", "properties": members}
}

// checksNothing removes what is of no use to a reader of the output: bounds and patterns.
func checksNothing(v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range []string{"pattern", "minLength", "maxLength", "minItems", "maxItems", "additionalProperties", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"} {
			if key != "additionalProperties" || v[key] == false {
				if _, isSchema := v[key].(map[string]any); !isSchema { // a property of that name
					delete(v, key)
				}
			}
		}
		for _, inner := range v {
			checksNothing(inner)
		}
	case []any:
		for _, inner := range v {
			checksNothing(inner)
		}
	}
}
