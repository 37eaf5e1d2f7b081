package openapi

import (
	"fmt"
	"strings"
)

// page writes a document as HTML.
type page struct {
	root object
	out  strings.Builder
}

func render(root object) []byte {
	p := &page{root: root}
	p.head()
	for _, tag := range list(root, "tags") {
		p.printf(`<h2 id="%s">%s</h2>`, anchor(text(tag, "name")), escape(text(tag, "name")))
		p.prose(text(tag, "description"))
		p.operations(text(tag, "name"))
	}
	p.problems()
	p.schemas()
	p.printf("</main></body></html>\n")
	return []byte(p.out.String())
}

func (p *page) printf(format string, args ...any) { fmt.Fprintf(&p.out, format, args...) }

func (p *page) head() {
	title := escape(text(p.root, "info", "title"))
	p.printf(`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>%s API</title>`, title)
	p.printf(`<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="%s"></head><body>`, StylePath)
	p.printf(`<nav><a href="#top"><strong>%s API</strong></a>`, title)
	for _, tag := range list(p.root, "tags") {
		p.printf(`<a href="#%s">%s</a>`, anchor(text(tag, "name")), escape(text(tag, "name")))
	}
	p.printf(`<a href="#problems">Problems</a><a href="#schemas">Objects</a><a href="/openapi.json">openapi.json</a></nav>`)
	p.printf(`<main><h1 id="top">%s API</h1>`, title)
	p.prose(text(p.root, "info", "description"))
	p.printf(`<h2 id="credentials-used">How to prove who you are</h2><dl>`)
	for _, scheme := range members(p.root, "components", "securitySchemes") {
		what := text(scheme.Value, "scheme")
		if name := text(scheme.Value, "name"); name != "" {
			what = "header " + name
		}
		p.printf(`<dt>%s</dt><dd>%s</dd>`, escape(what), inline(text(scheme.Value, "description")))
	}
	p.printf(`</dl>`)
}

// operations writes the operations of a tag, in the order of the file.
func (p *page) operations(tag string) {
	for _, path := range members(p.root, "paths") {
		shared := list(path.Value, "parameters")
		for _, m := range members(path.Value) {
			if tags := list(m.Value, "tags"); len(tags) > 0 && tags[0] == tag {
				p.operation(m.Key.(string), path.Key.(string), m.Value, shared)
			}
		}
	}
}

func (p *page) operation(method, path string, o any, shared []any) {
	p.printf(`<section id="%s"><h3><span class="method %s">%s</span> <code>%s</code></h3>`,
		anchor(text(o, "operationId")), method, strings.ToUpper(method), escape(path))
	p.printf(`<p class="summary">%s</p>`, inline(text(o, "summary")))
	p.prose(text(o, "description"))
	p.parameters(append(shared[:len(shared):len(shared)], list(o, "parameters")...))
	if body := p.resolve(at(o, "requestBody")); body != nil {
		p.printf(`<h4>Body</h4>`)
		p.content(body)
	}
	p.printf(`<h4>Answers</h4><dl>`)
	for _, r := range members(o, "responses") {
		response := p.resolve(r.Value)
		p.printf(`<dt>%s</dt><dd>%s`, escape(status(r.Key.(string))), inline(text(response, "description")))
		p.content(response)
		p.printf(`</dd>`)
	}
	p.printf(`</dl></section>`)
}

// status returns the label of a response.
func status(key string) string {
	if key == "default" {
		return "otherwise"
	}
	return key
}

func (p *page) parameters(all []any) {
	if len(all) == 0 {
		return
	}
	p.printf(`<table><thead><tr><th>parameter</th><th>in</th><th>holds</th><th></th></tr></thead><tbody>`)
	for _, v := range all {
		v = p.resolve(v)
		need := ""
		if required, _ := at(v, "required").(bool); required {
			need = "Required. "
		}
		p.printf(`<tr><td><code>%s</code></td><td>%s</td><td>%s</td><td>%s</td></tr>`, escape(text(v, "name")), escape(text(v, "in")),
			p.kind(at(v, "schema")), need+inline(text(v, "description")))
	}
	p.printf(`</tbody></table>`)
}

// content writes the media types of a body and their schemas.
func (p *page) content(body any) {
	for _, m := range members(body, "content") {
		p.printf(`<p class="media"><code>%s</code> %s</p>`, escape(m.Key.(string)), p.kind(at(m.Value, "schema")))
		p.table(at(m.Value, "schema"))
	}
}

// problems writes the explanations of all codes, which the type of a problem links to.
func (p *page) problems() {
	p.printf(`<h2 id="problems">Problems</h2><dl>`)
	for _, v := range list(p.root, "components", "schemas", "Code", "oneOf") {
		code := text(v, "const")
		p.printf(`<dt id="problem-%s"><code>%s</code></dt><dd>%s</dd>`, escape(code), escape(code), inline(text(v, "description")))
	}
	p.printf(`</dl>`)
}

// resolve returns the target of a reference within the document.
func (p *page) resolve(v any) any {
	ref := text(v, "$ref")
	if ref == "" {
		return v
	}
	return at(p.root, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
}
