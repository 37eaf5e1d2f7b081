package importer

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

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

// noteLost notes what of schemas is not kept, once for each place.
func (b *builder) noteLost(lost map[string]string) {
	for _, place := range slices.Sorted(maps.Keys(lost)) {
		if key := "lost " + place; !b.seen[key] {
			b.seen[key] = true
			b.notes = append(b.notes, Note{Operation: b.op.name, Place: place, Reason: lost[place]})
		}
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
	return imported{Operation{op.name, strings.ToUpper(op.method), op.path, summary, op.tags, len(o.fields), pages.name()}, body, op.node.place()}, nil
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

// ignoredHeaders are set by the step or its connection, or frame the message.
var ignoredHeaders = []string{
	"accept", "authorization", "content-type", "content-length", "host", "user-agent", "accept-encoding", "connection", "transfer-encoding", "idempotency-key", "expect", "te", "trailer", "upgrade",
}

// skips reports whether a parameter is not one of the params.
func (b *builder) skips(p *parameter, pages *paging) bool {
	switch p.in {
	case "path":
		if !strings.Contains(b.op.path, "{"+p.name+"}") {
			b.note(p.node.place(), "the path has no {%s}: the parameter is not sent", shorten(p.name, 60))
			return true
		}
		return false
	case "server":
		return false
	case "cookie", "query", "header":
		if strings.Contains(p.name, "${") {
			b.note(p.node.place(), "%q cannot be the name of a parameter: it has ${ in it", shorten(p.name, 60))
			return true
		}
		if p.in == "header" && (slices.Contains(ignoredHeaders, strings.ToLower(p.name)) || namesRequest(b.op, p)) {
			return true
		}
		if b.security.isCredential(p.in, p.name, p.description) {
			b.withoutCredential(b.op, p.in, p.name, p.node.place())
			return true
		}
		if p.in == "query" {
			return pages.sends(p.name) && !p.required
		}
		return b.misnamed(p)
	}
	b.note(p.node.place(), "a parameter in %q is not known", shorten(p.in, 20))
	return true
}

// misnamed reports whether the name of a header or cookie cannot be sent.
func (b *builder) misnamed(p *parameter) bool {
	if httpguts.ValidHeaderFieldName(p.name) {
		return false
	}
	b.note(p.node.place(), "%q cannot be the name of a header or cookie", shorten(p.name, 60))
	return true
}

// namesRequest reports whether a header takes the idempotency key, which the step makes.
func namesRequest(op *operation, p *parameter) bool {
	return op.method != "get" && p.in == "header" && strings.Contains(strings.ToLower(p.name+p.description), "idempoten")
}

// undeclared are the parameters that the path has and the document does not describe.
func (b *builder) undeclared(op *operation) []*parameter {
	var all []*parameter
	for _, m := range placeholder.FindAllStringSubmatch(op.path, -1) {
		name := m[1]
		if has := func(p *parameter) bool { return p.in == "path" && p.name == name }; name == "" || slices.ContainsFunc(op.params, has) || slices.ContainsFunc(all, has) {
			continue
		}
		b.note(op.node.place(), "the path has {%s}, which no parameter describes: it is a text", shorten(name, 60))
		all = append(all, &parameter{
			in: "path", name: name, required: true, style: "simple", schema: node{op.node.doc, op.node.at, map[string]any{"type": "string"}},
		})
	}
	return all
}

// bodyFields are the members of the body, or one param with all of it.
func (b *builder) bodyFields(op *operation, pages *paging) (fields []*field, open bool) {
	if op.body == nil {
		return nil, false
	}
	reduced, lost := map[string]any{}, map[string]string{}
	fit(reducer{describe: true, lost: lost}, maxParamSchemas, func(r *reducer) { reduced = r.schema(op.body.schema, 0) })
	if isText(op.body.media) && !may(typesOf(op.body.schema.resolve()), "string") {
		b.tell(op.body.node.place(), "a body of "+shorten(plainMedia(op.body.media), 60)+" is a text: its schema is not checked")
		return []*field{b.wholeBody(op, map[string]any{"type": "string"})}, false
	}
	b.noteLost(lost)
	properties, _ := reduced["properties"].(map[string]any)
	if saysNothing(op, reduced) {
		if len(properties) > 0 || reduced["type"] != nil && reduced["type"] != "object" {
			b.note(op.body.node.place(), "the optional body of a %s is not sent", strings.ToUpper(op.method))
		}
		op.body = nil
		return nil, false
	}
	if len(properties) == 0 || reduced["anyOf"] != nil || reduced["type"] != "object" || !op.body.hasMembers() {
		return []*field{b.wholeBody(op, reduced)}, false
	}
	required, _ := reduced["required"].([]any)
	members := membersOf(op.body.schema)
	names := make([]string, 0, len(properties))
	for name := range properties {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if pages != nil && pages.inBody == name && !slices.Contains(required, any(name)) {
			continue
		}
		if !op.body.json() && b.isFormCredential(op, name, members[name].str("description")) {
			b.withoutCredential(op, "form", name, members[name].place())
			continue
		}
		f := &field{name: name, in: "body", wire: name, schema: properties[name].(map[string]any), required: slices.Contains(required, any(name))}
		f.setDefault(members[name].get("default"))
		if isFile(members[name]) && !op.body.json() {
			f.schema = fileSchema(f.schema)
		} else if items := members[name].resolve().member("items"); plainMedia(op.body.media) == "multipart/form-data" && items.exists() && isFile(items) {
			f.schema["items"] = fileSchema(map[string]any{})
		}
		fields = append(fields, f)
	}
	_, further := reduced["additionalProperties"].(map[string]any)
	return fields, further || reduced["additionalProperties"] == true
}

// saysNothing reports whether the body has nothing to send: an object without members, or anything at all in a GET that
// does not need it.
func saysNothing(op *operation, reduced map[string]any) bool {
	properties, described := reduced["properties"].(map[string]any)
	empty := len(properties) == 0 && reduced["anyOf"] == nil && (described && reduced["additionalProperties"] == nil || reduced["additionalProperties"] == false)
	return empty || !op.body.required && (op.method == "get" || op.method == "head")
}

// hasMembers reports whether the body is written of members: JSON or a form.
func (b *body) hasMembers() bool {
	return b.json() || plainMedia(b.media) == "application/x-www-form-urlencoded" || plainMedia(b.media) == "multipart/form-data"
}

// json reports whether the body is sent as JSON. Any media type, or none that steps write, counts as JSON for a schema
// that says object or array.
func (b *body) json() bool {
	return isJSON(b.media) || plainMedia(b.media) == "*/*" && !isFile(b.schema)
}

// wholeBody is the param that has all of the body.
func (b *builder) wholeBody(op *operation, schema map[string]any) *field {
	if !op.body.json() && !isText(op.body.media) && !op.body.hasMembers() {
		schema = fileSchema(schema)
	}
	if schema["description"] == nil {
		text := oneLine(op.body.description, 200)
		if text == "" {
			text = "Body of the request."
		}
		schema["description"] = text
	}
	return &field{name: "body", in: "body", wire: "body", whole: true, schema: schema, required: true}
}

func fileSchema(schema map[string]any) map[string]any {
	out := map[string]any{"type": "object", "required": []any{"file"}, "properties": map[string]any{"file": map[string]any{}}}
	said, _ := schema["description"].(string)
	out["description"] = strings.TrimSpace(said + " A file of the run.")
	return out
}

// isFile reports whether a schema stands for the bytes of a file.
func isFile(n node) bool {
	n = n.resolve()
	return n.str("type") == "file" || n.str("type") == "string" && (n.str("format") == "binary" || n.str("contentMediaType") != "" && n.str("contentEncoding") == "") ||
		n.str("type") == "" && n.str("contentMediaType") == "application/octet-stream"
}

// membersOf returns the properties of a schema as they are written, those of allOf and of a single variant included.
func membersOf(n node) map[string]node {
	all := map[string]node{}
	addMembers(all, n, map[string]bool{})
	return all
}

// addMembers visits each schema once.
func addMembers(all map[string]node, n node, seen map[string]bool) {
	n = n.resolve()
	if !n.exists() || seen[n.place()] || len(seen) > 200 {
		return
	}
	seen[n.place()] = true
	properties := n.get("properties")
	for _, name := range properties.names() {
		if _, has := all[name]; !has {
			all[name] = properties.member(name)
		}
	}
	parts := n.list("allOf")
	for _, key := range []string{"anyOf", "oneOf"} {
		if list := n.list(key); len(list) == 1 {
			parts = append(parts, list[0])
		}
	}
	for _, part := range parts {
		addMembers(all, part, seen)
	}
}
