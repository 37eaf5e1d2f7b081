package importer

import (
	"mime"
	"reflect"
	"slices"
	"strings"
)

// operation is an operation of a specification, alike for all formats.
type operation struct {
	node     node // the Operation Object
	name     string
	method   string
	path     string
	id       string // operationId
	tags     []string
	params   []*parameter
	body     *body
	success  response
	failures []node // responses of 4xx and 5xx, by status
	statuses []string
}

// parameter is one of path, query, header or cookie.
type parameter struct {
	node        node
	in, name    string
	required    bool
	schema      node
	style       string // form, spaceDelimited, pipeDelimited, deepObject, simple, label, matrix, and tabDelimited of Swagger
	explode     bool
	json        bool // the value is sent as JSON
	description string
}

// body is the body of a request in one of its media types.
type body struct {
	node        node
	media       string
	others      []string // all media types of the document
	schemas     []node   // of each; nil: they have the same
	schema      node
	required    bool
	encoding    node // of the fields of a form
	lists       map[string]string
	description string
	name        string // that the document gives the body; swagger 2.0 only
}

// response is the response of success.
type response struct {
	node   node
	status string
	media  string
	medias []string
	schema node
}

var methods = []string{"get", "post", "put", "patch", "delete", "head", "options"}

// spec is a specification whose format is known.
type spec struct {
	root    node
	docs    *documents
	swagger bool // 2.0
	format  string
}

// operations lists the operations of all paths; those that cannot be described are noted.
func (s *spec) operations(note func(op, at, why string)) []*operation {
	var all []*operation
	paths := s.root.get("paths")
	for _, path := range paths.names() {
		if strings.HasPrefix(path, "x-") {
			continue
		}
		item := paths.get(path)
		if _, ok := item.v.(map[string]any); !ok {
			if item.exists() {
				note(path, item.place(), "is no object with operations")
			}
			continue
		}
		for _, method := range item.names() {
			op := item.get(method)
			switch {
			case method == "trace":
				note("TRACE "+path, op.place(), "the method is for tests of proxies and is not sent")
			case !slices.Contains(methods, method):
			case !strings.HasPrefix(path, "/"):
				note(strings.ToUpper(method)+" "+path, op.place(), "the path does not begin with /")
			case func() bool { _, ok := op.v.(map[string]any); return !ok }():
				note(strings.ToUpper(method)+" "+path, item.place(), "the operation is no object")
			default:
				all = append(all, s.operation(item, op, method, path))
			}
		}
	}
	s.incoming(note)
	return all
}

// incoming notes what the API calls, and not the caller.
func (s *spec) incoming(note func(op, at, why string)) {
	for _, key := range []string{"webhooks", "x-webhooks"} {
		hooks := s.root.get(key)
		for _, name := range hooks.names() {
			note(name, hooks.get(name).place(), "a webhook: the API calls it; a flow with a webhook trigger receives it")
		}
	}
}

func (s *spec) operation(item, n node, method, path string) *operation {
	op := &operation{node: n, method: method, path: path, id: n.str("operationId"), tags: n.strings("tags")}
	seen := map[string]bool{}
	var form []*parameter
	for _, p := range append(n.list("parameters"), item.list("parameters")...) {
		p = p.resolve()
		param := s.parameter(p)
		key := param.in + " " + param.name
		if p.exists() && param.name == "" && param.in != "body" {
			s.docs.report(p.place(), "the parameter has no name")
		}
		if !p.exists() || seen[key] || param.name == "" && param.in != "body" {
			continue
		}
		seen[key] = true
		switch param.in {
		case "body":
			op.body = &body{
				node: p, media: chooseMedia(s.consumes(n)), others: s.consumes(n), schema: p.get("schema"), required: param.required, description: param.description,
				name: param.name,
			}
			if op.body.media == "" {
				op.body.media = "application/json"
			}
		case "formData":
			form = append(form, param)
		default:
			op.params = append(op.params, param)
		}
	}
	if form != nil {
		op.body = s.formBody(n, form)
	}
	if content := n.get("requestBody"); content.exists() && !s.swagger {
		op.body = contentBody(content)
	}
	s.readResponses(op)
	return op
}

func (s *spec) parameter(n node) *parameter {
	p := &parameter{
		node: n, in: n.str("in"), name: n.str("name"), required: n.flag("required"), description: n.str("description"), schema: n.get("schema"), style: n.str("style"),
	}
	if p.in == "path" {
		p.required = true
	}
	if s.swagger {
		if p.in != "body" {
			p.schema = n
		}
		p.swaggerStyle(n.str("collectionFormat"))
		return p
	}
	if content := n.get("content"); content.exists() && len(content.names()) > 0 {
		media := content.names()[0]
		p.json, p.schema = isJSON(media), content.get(media, "schema")
	}
	if p.style == "" {
		p.style = map[string]string{"query": "form", "cookie": "form"}[p.in]
		if p.style == "" {
			p.style = "simple"
		}
	}
	p.explode = p.style == "form" || p.style == "deepObject"
	if explode := n.get("explode"); explode.exists() {
		p.explode = n.flag("explode")
	}
	return p
}

func (p *parameter) swaggerStyle(format string) {
	p.style = "form"
	if p.in == "path" || p.in == "header" {
		p.style = "simple"
	}
	switch format {
	case "multi":
		p.explode = true
	case "ssv":
		p.style = "spaceDelimited"
	case "pipes":
		p.style = "pipeDelimited"
	case "tsv":
		p.style = "tabDelimited"
	}
}

func (s *spec) consumes(op node) []string {
	if list := op.strings("consumes"); len(list) > 0 {
		return list
	}
	return s.root.strings("consumes")
}

// formBody makes the body of the parameters formData of Swagger 2.0.
func (s *spec) formBody(op node, fields []*parameter) *body {
	properties, required := map[string]any{}, []any{}
	b := &body{node: fields[0].node, media: "application/x-www-form-urlencoded", others: s.consumes(op), lists: map[string]string{}}
	for _, f := range fields {
		properties[f.name] = f.schema.v
		if f.required {
			required = append(required, f.name)
			b.required = true
		}
		if f.schema.str("type") == "file" || slices.Contains(b.others, "multipart/form-data") && !slices.Contains(b.others, b.media) {
			b.media = "multipart/form-data"
		}
		if !f.explode {
			b.lists[f.name] = f.style
		}
	}
	b.schema = node{fields[0].node.doc, fields[0].node.at, map[string]any{"type": "object", "properties": properties, "required": required}}
	return b
}

// contentBody reads a Request Body Object.
func contentBody(n node) *body {
	content := n.get("content")
	media := chooseMedia(content.names())
	if media == "" {
		return nil
	}
	value := content.get(media)
	b := &body{
		node: value, media: media, others: content.names(), schema: value.get("schema"), required: n.flag("required"), encoding: value.get("encoding"),
		description: n.str("description"),
	}
	for _, name := range b.others {
		b.schemas = append(b.schemas, content.get(name, "schema"))
	}
	return b
}

// hasOthers reports whether the document has bodies that mean something else than the one that is sent: another kind than JSON or a form, or other members.
func (b *body) hasOthers() bool {
	kind := func(media string) string {
		switch plain := plainMedia(media); plain {
		case "text/json", "application/*+json", "application/*":
			return "application/json"
		case "multipart/form-data":
			return "application/x-www-form-urlencoded"
		default:
			return plain
		}
	}
	if b.lists != nil { // of Swagger: a form has no other body
		return false
	}
	for i, media := range b.others {
		if kind(media) != kind(b.media) || b.schemas != nil && !reflect.DeepEqual(b.schemas[i].v, b.schema.v) {
			return true
		}
	}
	return false
}

// chooseMedia returns the media type that suits steps best; "" without any.
func chooseMedia(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return slices.MinFunc(all, func(a, b string) int { return mediaRank(a) - mediaRank(b) })
}

func mediaRank(media string) int {
	switch kind := plainMedia(media); {
	case kind == "application/json":
		return 0
	case isJSON(media):
		if strings.Contains(kind, "patch") {
			return 2
		}
		return 1
	case kind == "application/x-www-form-urlencoded":
		return 3
	case kind == "multipart/form-data":
		return 4
	case kind == "*/*":
		return 5
	case isText(media):
		return 6
	}
	return 7
}

// plainMedia is a media type without its parameters.
func plainMedia(media string) string {
	plain, _, err := mime.ParseMediaType(media)
	if err != nil {
		plain, _, _ = strings.Cut(media, ";")
		plain = strings.ToLower(strings.TrimSpace(plain))
	}
	return plain
}

func isJSON(media string) bool {
	plain := plainMedia(media)
	return plain == "application/json" || strings.HasSuffix(plain, "+json") || plain == "text/json" || plain == "application/*"
}

func isText(media string) bool {
	plain := plainMedia(media)
	return strings.HasPrefix(plain, "text/") || strings.HasSuffix(plain, "xml") || strings.HasSuffix(plain, "yaml") || strings.HasSuffix(plain, "csv") || plain == "application/graphql"
}

func (s *spec) readResponses(op *operation) {
	responses := op.node.get("responses")
	for _, status := range responses.names() {
		r := responses.get(status)
		switch {
		case len(status) != 3:
			continue
		case status[0] == '4' || status[0] == '5':
			op.failures = append(op.failures, r)
			op.statuses = append(op.statuses, status)
		case status[0] == '2' && (op.success.status == "" || !op.success.schema.exists()):
			next := s.response(op, r, status)
			if op.success.status == "" || next.schema.exists() {
				op.success = next
			}
		}
	}
	if op.success.status == "" {
		if r := responses.get("default"); r.exists() {
			op.success = s.response(op, r, "default")
		}
	}
}

func (s *spec) response(op *operation, n node, status string) response {
	r := response{node: n, status: status}
	if s.swagger {
		if r.medias = op.node.strings("produces"); len(r.medias) == 0 {
			r.medias = s.root.strings("produces")
		}
		r.media, r.schema = chooseMedia(r.medias), n.get("schema")
		if r.schema.exists() && r.media == "" {
			r.media = "application/json"
		}
		return r
	}
	content := n.get("content")
	r.medias = content.names()
	if r.media = chooseMedia(r.medias); r.media != "" {
		r.schema = content.get(r.media, "schema")
	}
	return r
}
