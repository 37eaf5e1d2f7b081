package generate

import (
	"fmt"
	"strings"
)

// operation writes the method of an operation, a second one with all pages of a listing, and the type of its parameters.
func (g *tsTypes) operation(b *strings.Builder, o *operation, methods names) {
	name := methods.take(identifier(o.id, title, true))
	args, passed := g.arguments(o, identifier(o.id, title, false))
	call := g.call(o, passed)
	result, send := "RawAnswer", "raw"
	if o.download {
		result, send = "FileAnswer", "file"
	}
	if o.answer != nil {
		if result = g.typeOf(o.answer, "  "); o.mayBeEmpty {
			result += " | undefined"
		}
	}
	b.WriteString("\n")
	tsComment(b, "  ", o.deprecated, o.method+" "+o.path, o.summary, o.description)
	if o.answer == nil {
		fmt.Fprintf(b, "  %s(%s): Promise<%s> {\n    return this.#caller.%s(%s, options);\n  }\n", name, args, result, send, call)
	} else {
		fmt.Fprintf(b, "  %s(%s): Promise<%s> {\n    return this.#caller.json<%s>(%s, options);\n  }\n", name, args, result, result, call)
	}
	item, items := g.itemsOf(o)
	if item == "" {
		return
	}
	all := methods.take(name + "All")
	b.WriteString("\n")
	tsComment(b, "  ", o.deprecated, "The items of all pages of "+name+", each of which is fetched when it is needed.")
	fmt.Fprintf(b, "  %s(%s): AsyncGenerator<%s, void, undefined> {\n    return this.#caller.pages<%s, %s>(%s, options, (page) => page%s);\n  }\n", all, args, item, result, item, call, items)
}

// arguments returns the parameters of a method, and the names of those that are the operation's.
func (g *tsTypes) arguments(o *operation, name string) (declared string, passed []string) {
	var all []string
	if len(o.params) > 0 {
		kind, initial, seen := g.names.take(name+"Params"), " = {}", names{}
		fmt.Fprintf(&g.out, "export interface %s {\n", kind)
		for _, p := range o.params {
			if seen[p.name] { // in the query and in a header: they have one value
				continue
			}
			seen[p.name] = true
			mark := "?"
			if p.required {
				mark, initial = "", ""
			}
			tsComment(&g.out, "  ", false, p.description)
			fmt.Fprintf(&g.out, "  %s%s: %s;\n", tsKey(p.name), mark, g.paramType(p.schema))
		}
		g.out.WriteString("}\n\n")
		all, passed = append(all, "params: "+kind+initial), append(passed, "params")
	}
	if o.media != "" {
		mark := "?"
		if o.bodyRequired {
			mark = ""
		}
		all, passed = append(all, "body"+mark+": "+g.bodyType(o)), append(passed, "body")
	}
	return strings.Join(append(all, "options: CallOptions = {}"), ", "), passed
}

func (g *tsTypes) bodyType(o *operation) string {
	switch o.media {
	case mediaJSON, mediaForm:
		return g.typeOf(o.body, "  ")
	case mediaFields:
		return "URLSearchParams"
	}
	return "FileBody"
}

// paramType is the type of a parameter: one that paramText of the runtime knows.
func (g *tsTypes) paramType(s *schema) string {
	if s == nil || s.plainType() == "" || s.plainType() == "object" {
		return "string"
	}
	if s.plainType() == "array" && (s.Items == nil || s.Items.plainType() == "" || s.Items.plainType() == "object") {
		return "Array<string>"
	}
	return g.typeOf(s, "  ")
}

// call is the literal that describes an operation to the runtime.
func (g *tsTypes) call(o *operation, passed []string) string {
	lists := map[string][]string{}
	for _, p := range o.params {
		lists[p.in] = append(lists[p.in], p.name)
		if p.explode {
			lists["explode"] = append(lists["explode"], p.name)
		}
	}
	parts := []string{"method: " + quote(o.method), "path: " + quoteAll(pathParts(o.path))}
	parts = append(parts, passed...)
	for _, in := range []string{"query", "explode", "header"} {
		if len(lists[in]) > 0 {
			parts = append(parts, in+": "+quoteAll(lists[in]))
		}
	}
	if o.media != "" && o.media != mediaJSON {
		parts = append(parts, "media: "+quote(o.media))
	}
	parts = append(parts, fmt.Sprintf("keyed: %t, public: %t", o.keyed, o.public))
	return "{ " + strings.Join(parts, ", ") + " }"
}

func quoteAll(texts []string) string {
	all := make([]string, len(texts))
	for i, text := range texts {
		all[i] = quote(text)
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// itemsOf returns the type of the items of a listing, and how they are reached from a page; empty: it has none.
func (g *tsTypes) itemsOf(o *operation) (item, path string) {
	if !o.listing || o.answer == nil || o.mayBeEmpty {
		return "", ""
	}
	if o.answer.plainType() == "array" {
		return g.typeOf(o.answer.Items, "  "), ""
	}
	if items := o.answer.Properties["items"]; items != nil && items.plainType() == "array" && len(items.Type) == 1 {
		return g.typeOf(items.Items, "  "), ".items"
	}
	return "", ""
}
