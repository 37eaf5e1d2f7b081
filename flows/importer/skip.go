package importer

import (
	"maps"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

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

// noteLost notes what of schemas is not kept, once for each place.
func (b *builder) noteLost(lost map[string]string) {
	for _, place := range slices.Sorted(maps.Keys(lost)) {
		if key := "lost " + place; !b.seen[key] {
			b.seen[key] = true
			b.tell(place, lost[place])
		}
	}
}
