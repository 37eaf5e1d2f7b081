package openapi

import (
	"fmt"
	"strings"
)

// schemas writes the objects that operations refer to.
func (p *page) schemas() {
	p.printf(`<h2 id="schemas">Objects</h2>`)
	for _, m := range members(p.root, "components", "schemas") {
		name := m.Key.(string)
		if name == "Code" {
			continue // these are the problems
		}
		p.printf(`<section id="schema-%s"><h3>%s</h3>`, anchor(name), escape(name))
		p.prose(text(m.Value, "description"))
		p.table(m.Value)
		p.printf(`</section>`)
	}
}

// table writes the members of an object.
func (p *page) table(schema any) {
	properties := members(schema, "properties")
	if len(properties) == 0 {
		return
	}
	required := list(schema, "required")
	p.printf(`<table><thead><tr><th>member</th><th>holds</th><th></th></tr></thead><tbody>`)
	for _, m := range properties {
		mark := ""
		for _, r := range required {
			if r == m.Key {
				mark = ` <abbr title="always there">•</abbr>`
			}
		}
		p.printf(`<tr><td><code>%s</code>%s</td><td>%s</td><td>%s</td></tr>`, escape(m.Key.(string)), mark, p.kind(m.Value), inline(text(m.Value, "description")))
	}
	p.printf(`</tbody></table>`)
}

// kind returns a short description of a schema.
func (p *page) kind(schema any) string {
	if ref := text(schema, "$ref"); ref != "" {
		name := ref[strings.LastIndex(ref, "/")+1:]
		if name == "Code" {
			return `<a href="#problems">code</a>`
		}
		return fmt.Sprintf(`<a href="#schema-%s">%s</a>`, anchor(name), escape(name))
	}
	if all := list(schema, "allOf"); len(all) == 2 { // a page of items
		return p.kind(all[0]) + " of " + p.kind(at(all[1], "properties", "items", "items"))
	}
	if c := at(schema, "const"); c != nil {
		return fmt.Sprintf("<code>%v</code>", c)
	}
	if values := list(schema, "enum"); len(values) > 0 {
		words := make([]string, len(values))
		for i, v := range values {
			words[i] = fmt.Sprintf("<code>%s</code>", escape(fmt.Sprintf("%v", v)))
		}
		return strings.Join(words, " ")
	}
	return p.typed(schema)
}

func (p *page) typed(schema any) string {
	name, _ := at(schema, "type").(string)
	if either := list(schema, "type"); len(either) > 0 {
		name, _ = either[0].(string)
	}
	switch {
	case name == "array" && at(schema, "items") != nil:
		return "list of " + p.kind(at(schema, "items"))
	case name == "array":
		return "list"
	case text(schema, "format") == "date-time":
		return "time"
	case name == "string":
		return "text"
	case name == "":
		return "JSON"
	}
	return name
}
