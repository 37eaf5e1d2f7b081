package importer

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/flows/internal/schema"
)

// builder makes the operations of one connector.
type builder struct {
	spec     *spec
	config   Config
	base     string            // of the connector; "" when the document names no server
	vars     []*parameter      // variables of the base
	security *security         // what the operations need
	hosts    []string          // of all servers
	notes    []Note            // on parts that did not come over
	seen     map[string]bool   // notes
	told     map[string]*alike // notes that stand for several operations, by their reasons
	op       *operation        // that is being built
}

// object is the JSON Schema of the params in the order in which it is written.
type object struct {
	fields []*field
	open   bool // further members are allowed, and go into the body
}

// field is one of the params of an operation.
type field struct {
	name     string // in $params
	in       string // path, query, header, cookie, body or server
	wire     string // name in the request
	schema   map[string]any
	required bool
	source   *parameter // nil: a member of the body
	whole    bool       // all of the body
	example  any
	has      bool // example is one of the document
}

func (o object) field(in, wire string) *field {
	for _, f := range o.fields {
		if f.in == in && f.wire == wire {
			return f
		}
	}
	return nil
}

// schema writes the params, the required ones first.
func (o object) schema() mapping {
	properties := mapping{}
	var required []any
	for _, want := range []bool{true, false} {
		for _, f := range o.fields {
			if f.required == want {
				properties = append(properties, entry{f.name, f.schema})
				if want {
					required = append(required, f.name)
				}
			}
		}
	}
	m := mapping{{"type", "object"}}
	m.add("required", required)
	m.add("properties", properties)
	if o.open {
		m = append(m, entry{"additionalProperties", true})
	}
	return m
}

func (b *builder) note(at, format string, args ...any) {
	n := Note{Operation: b.op.name, Place: at, Reason: fmt.Sprintf(format, args...)}
	if key := n.Operation + n.Place + n.Reason; !b.seen[key] {
		b.seen[key] = true
		b.notes = append(b.notes, n)
	}
}

// build makes one operation. An error says why it cannot be called by an http step.
func (b *builder) build(op *operation) (imported, error) {
	b.op = op
	if strings.Contains(op.path, "${") {
		return imported{}, fmt.Errorf("the path has ${ in it")
	}
	base, vars := b.serverOf(op)
	pages := findPaging(op)
	if pages != nil && pages.why != "" {
		b.note(op.node.place(), "%s", pages.why)
		pages = nil
	}
	o := b.params(op, pages, vars)
	request, err := b.request(op, &o)
	if err != nil {
		return imported{}, err
	}
	target, err := b.target(op, &o, base)
	if err != nil {
		return imported{}, err
	}
	http := mapping{{op.method, target}}
	if accepts := op.accepts(); accepts != "" {
		request.header("Accept", accepts)
	}
	request.write(&http)
	for _, p := range op.params {
		if namesRequest(op, p) && !strings.EqualFold(p.name, "Idempotency-Key") {
			http.add("idempotency_header", p.name)
		}
	}
	if op.success.media != "" && !isJSON(op.success.media) && !isText(op.success.media) && plainMedia(op.success.media) != "*/*" {
		http.add("parse", "file")
	}
	if pages != nil {
		http.add("paginate", pages.write())
	}
	b.security.use(op)
	body := mapping{}
	summary := oneLine(op.node.str("summary"), 120)
	if summary == "" {
		summary = oneLine(op.node.str("description"), 120)
	}
	body.add("summary", summary)
	body.add("doc", b.doc(op, summary, pages))
	if readsByPost(op) {
		body.add("effect", "read")
	}
	if len(o.fields) > 0 || o.open {
		body.add("params", o.schema())
	}
	body.add("http", http)
	body.add("output", outputOf(op, pages))
	body.add("example", b.example(op, &o, pages))
	return imported{Operation{op.name, strings.ToUpper(op.method), op.path, summary, op.tags, len(o.fields), pages.name()}, body, op.node.place(), b.security.needsOf(op)}, nil
}

// accepts is the header Accept, where the document names several media types or the header itself.
func (op *operation) accepts() string {
	for _, p := range op.params {
		if p.in == "header" && strings.EqualFold(p.name, "Accept") {
			for _, said := range append([]string{p.schema.str("default")}, p.schema.strings("enum")...) {
				if said != "" {
					return said
				}
			}
			return plainMedia(op.success.media)
		}
	}
	if len(op.success.medias) > 1 && isJSON(op.success.media) {
		return plainMedia(op.success.media)
	}
	return ""
}

// doc is what is said beside the summary: the description, the statuses of failures and where to read more.
func (b *builder) doc(op *operation, summary string, pages *paging) string {
	var lines []string
	if op.node.flag("deprecated") {
		lines = append(lines, "**Deprecated.**")
	}
	if text := oneLine(op.node.str("description"), 400); text != summary && text != "" {
		lines = append(lines, text)
	}
	if pages != nil {
		lines = append(lines, "Reads all pages; each record is an item.")
		if pages.absent {
			lines = append(lines, "A response without the list "+pages.path+" is a page without records, because the document does not require it.")
		}
	}
	var failures []string
	for i, status := range op.statuses {
		said := oneLine(op.failures[i].str("description"), 60)
		if said != "" && !slices.Contains([]string{"error", "default", "response"}, strings.ToLower(said)) {
			failures = append(failures, status+" "+strings.TrimRight(said, "."))
		}
	}
	if len(failures) > 0 {
		lines = append(lines, "Fails with "+strings.Join(failures[:min(len(failures), 8)], "; ")+".")
	}
	if more := op.node.str("externalDocs", "url"); strings.HasPrefix(more, "https://") && len(more) < 300 {
		lines = append(lines, "More: "+more)
	}
	return strings.Join(lines, "\n\n")
}

var readingPath = regexp.MustCompile(`(?i)(^|[/_.:-])(search|query|lookup|batch[/_-]?read|list)$`)

// readsByPost reports whether a POST changes nothing by its name: a search with its criteria in the body.
func readsByPost(op *operation) bool {
	return op.method == "post" && (readingPath.MatchString(op.path) || strings.HasSuffix(op.name, "_search"))
}

// params collects the parameters and the members of the body.
func (b *builder) params(op *operation, pages *paging, vars []*parameter) object {
	var o object
	taken := map[string]bool{}
	bodyFields, open := b.bodyFields(op, pages)
	for _, f := range bodyFields {
		taken[f.name] = true
	}
	var others []*field
	all := append(slices.Clone(op.params), b.undeclared(op)...)
	for _, p := range append(all, vars...) {
		if b.skips(p, pages) {
			continue
		}
		name := paramName(p.name)
		if taken[name] {
			name = p.in + "_" + name
		}
		others = append(others, &field{name: unique(name, taken), in: p.in, wire: p.name, required: p.required, source: p})
	}
	lost := map[string]string{}
	fit(reducer{describe: true, lost: lost}, maxParamSchemas, func(r *reducer) {
		for _, f := range others {
			f.schema = r.schema(f.source.schema, 0)
		}
	})
	b.noteLost(lost)
	for _, f := range others {
		b.finish(f)
	}
	slices.SortStableFunc(others, func(a, b *field) int { return placeRank(a.in) - placeRank(b.in) })
	o.fields, o.open = append(others, bodyFields...), open
	return o
}

func placeRank(in string) int {
	return slices.Index([]string{"path", "query", "header", "cookie", "server"}, in)
}

// finish adds what a parameter says beside its schema.
func (b *builder) finish(f *field) {
	if text := oneLine(f.source.description, 200); text != "" {
		f.schema["description"] = text
	}
	fallback := f.source.schema.get("default")
	if f.source.in == "server" {
		fallback = f.source.node.get("default")
	}
	f.setDefault(fallback)
	if f.in == "path" {
		needsValue(f.schema)
	}
	if example, ok := exampleOf(f.source.node, f.source.schema); ok {
		f.example, f.has = example, true
	}
}

// needsValue refuses an empty value: a path without its value names another resource.
func needsValue(schema map[string]any) {
	for t, key := range map[string]string{"string": "minLength", "array": "minItems", "object": "minProperties"} {
		if schema["type"] == t && schema[key] == nil && schema["enum"] == nil && schema["const"] == nil {
			schema[key] = json.Number("1")
		}
	}
}

// setDefault keeps the default of a required param. That of an optional one is the server's: when nothing is sent, it
// applies, and a PATCH must not send it.
func (f *field) setDefault(fallback node) {
	if list, ok := f.schema["enum"].([]any); ok && len(list) == 1 && list[0] != nil && f.required && fits(list[0], f.schema) {
		f.schema["default"], f.required = list[0], false
		return
	}
	if !fallback.exists() || !scalarValue(fallback.v) {
		return
	}
	if f.required {
		if fits(fallback.v, f.schema) {
			f.schema["default"], f.required = fallback.v, false
		}
		return
	}
	said, _ := f.schema["description"].(string)
	value := plainValue(fallback.v)
	if value == "" || len(value) > 40 || strings.Contains(strings.ToLower(said), "default") {
		return
	}
	if said != "" && !strings.HasSuffix(said, ".") && !strings.HasSuffix(said, "…") {
		said += "."
	}
	f.schema["description"] = strings.TrimSpace(said + " Default: " + value + ".")
}

// fits reports whether the schema allows a value.
func fits(v any, s map[string]any) bool {
	checker, err := schema.Compile(plainValues(s), noLoader{})
	return err == nil && checker.Check(context.Background(), v) == nil
}

func plainValue(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// matchesTypes reports whether a value has a type of the schema, and is of its enum.
func matchesTypes(v any, schema map[string]any) bool {
	if list, ok := schema["enum"].([]any); ok && !slices.Contains(list, v) {
		return false
	}
	switch t := schema["type"].(type) {
	case string:
		return hasType(v, t)
	case []any:
		return slices.ContainsFunc(t, func(t any) bool { return hasType(v, t.(string)) })
	}
	return true
}
