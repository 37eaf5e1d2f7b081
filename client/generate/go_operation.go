package generate

import (
	"fmt"
	"strconv"
	"strings"
)

// operation writes the method of an operation, a second one with all pages of a listing, and the types that they need.
func (g *goTypes) operation(b *strings.Builder, o *operation, methods names) {
	name := methods.take(goName(o.id))
	args := g.arguments(o, name)
	builder := g.names.take("new" + name + "Request")
	result := "*Response"
	if o.download {
		result = "*Download"
	}
	if o.answer != nil {
		result = g.elementOf(o.answer, name+"Answer")
		if o.mayBeEmpty && !nilable(result) {
			result = "*" + result
		}
	}
	goComment(b, "", name+" calls "+o.method+" "+o.path+".", o.summary, o.description, emptyText(o), deprecatedText(o))
	fmt.Fprintf(b, "func (c *Client) %s(ctx context.Context, %soptions ...Option) (%s, error) {\n", name, args.declared, result)
	if o.answer == nil {
		fmt.Fprintf(b, "\treturn c.%s(ctx, %s(%s), options)\n}\n\n", map[bool]string{true: "fetch", false: "send"}[o.download], builder, args.passed)
	} else {
		fmt.Fprintf(b, "\treturn call[%s](ctx, c, %s(%s), options)\n}\n\n", result, builder, args.passed)
	}
	if item, items := g.itemsOf(o, result); item != "" {
		all := methods.take(name + "All")
		goComment(b, "", all+" is "+name+" for all pages, each of which is fetched when it is needed.", deprecatedText(o))
		fmt.Fprintf(b, "func (c *Client) %s(ctx context.Context, %soptions ...Option) iter.Seq2[%s, error] {\n", all, args.declared, item)
		fmt.Fprintf(b, "\treturn pages(ctx, c, %s(%s), func(page %s) []%s { return page%s }, options)\n}\n\n", builder, args.passed, result, item, items)
	}
	g.builder(b, o, builder, args)
}

func emptyText(o *operation) string {
	if o.mayBeEmpty && o.answer != nil {
		return "It returns nil for an answer without a body."
	}
	return ""
}

func deprecatedText(o *operation) string {
	if o.deprecated {
		return "Deprecated: the flow says so."
	}
	return ""
}

// arguments are those of a method beside the context and the options.
type arguments struct {
	declared, passed string
	params           []goParam
	body             string // its type; empty: none
}

type goParam struct {
	*param
	field, kind string
}

func (g *goTypes) arguments(o *operation, name string) arguments {
	var a arguments
	var declared, passed []string
	if len(o.params) > 0 {
		kind := g.names.take(name + "Params")
		fields := names{}
		var b strings.Builder
		fmt.Fprintf(&b, "// %s are the parameters of %s.\ntype %s struct {\n", kind, name, kind)
		for i := range o.params {
			p := goParam{param: &o.params[i], field: fields.take(goName(o.params[i].name)), kind: g.paramType(o.params[i].schema)}
			text := p.kind
			if !p.required && !nilable(text) {
				text = "*" + text
			}
			goComment(&b, "\t", p.description, valuesText(p.schema))
			fmt.Fprintf(&b, "\t%s %s // %s, in the %s\n", p.field, text, map[bool]string{true: "required", false: "optional"}[p.required], p.in)
			a.params = append(a.params, p)
		}
		b.WriteString("}\n\n")
		g.out.WriteString(b.String())
		declared, passed = append(declared, "params "+kind), append(passed, "params")
	}
	if o.media != "" {
		a.body = g.bodyType(o, name+"Body")
		declared, passed = append(declared, "body "+a.body), append(passed, "body")
	}
	if a.declared = strings.Join(declared, ", "); a.declared != "" {
		a.declared += ", "
	}
	a.passed = strings.Join(passed, ", ")
	return a
}

// bodyType is the type of a body.
func (g *goTypes) bodyType(o *operation, name string) string {
	text := ""
	switch o.media {
	case mediaJSON:
		if text = g.elementOf(o.body, name); text == goRaw {
			text = "any"
		}
	case mediaForm:
		if text = "Form"; g.formSchema(o.body) != nil {
			text = g.typeOf(o.body, name)
		}
	case mediaFields:
		return "url.Values"
	default:
		return "File"
	}
	if !o.bodyRequired && !nilable(text) && text != "Form" {
		text = "*" + text
	}
	return text
}

// formSchema is the schema of a form whose fields are those of a struct; nil: they are not known.
func (g *goTypes) formSchema(s *schema) *schema {
	s, _ = s.nullable()
	if to := s.component(); to != "" && !g.circular[to] {
		return g.formSchema(g.components[to])
	}
	if !g.structured(s) {
		return nil
	}
	return s
}

// form writes how the fields of a form become its parts.
func (g *goTypes) form(b *strings.Builder, s *schema) {
	fields := names{}
	for _, member := range sorted(s.Properties) {
		field := fields.take(goName(member))
		text, _ := g.memberType(s, member, field)
		add := fmt.Sprintf("q.addPart(%s, body.%s)", strconv.Quote(member), field)
		switch {
		case strings.HasPrefix(text, "*"):
			fmt.Fprintf(b, "\tif body.%s != nil {\n\t\tq.addPart(%s, *body.%[1]s)\n\t}\n", field, strconv.Quote(member))
		case nilable(text):
			fmt.Fprintf(b, "\tif body.%s != nil {\n\t\t%s\n\t}\n", field, add)
		default:
			b.WriteString("\t" + add + "\n")
		}
	}
}

// paramType is the type of a parameter: one that paramText of the runtime knows.
func (g *goTypes) paramType(s *schema) string {
	text := g.typeOf(s, "Param")
	switch strings.TrimPrefix(text, "[]") {
	case "string", "int64", "float64", "bool":
		return text
	}
	return "string"
}

// builder writes the function that makes a request.
func (g *goTypes) builder(b *strings.Builder, o *operation, name string, a arguments) {
	fmt.Fprintf(b, "func %s(%s) *request {\n", name, strings.TrimSuffix(a.declared, ", "))
	fmt.Fprintf(b, "\tq := &request{method: %q, keyed: %t, public: %t}\n", o.method, o.keyed, o.public)
	for i, part := range pathParts(o.path) {
		if i%2 == 0 {
			if part == "" {
				continue
			}
			fmt.Fprintf(b, "\tq.path += %s\n", strconv.Quote(part))
			continue
		}
		for _, p := range a.params {
			if p.in == "path" && p.name == part {
				fmt.Fprintf(b, "\tq.addPath(%s, params.%s)\n", strconv.Quote(p.name), p.field)
			}
		}
	}
	for _, p := range a.params {
		add := map[string]string{"query": "addQuery", "header": "addHeader"}[p.in]
		switch {
		case add == "":
		case p.explode && strings.HasPrefix(p.kind, "[]"):
			fmt.Fprintf(b, "\taddEach(q, %s, params.%s)\n", strconv.Quote(p.name), p.field)
		case p.required:
			fmt.Fprintf(b, "\tq.%s(%s, params.%s)\n", add, strconv.Quote(p.name), p.field)
		default:
			value := "*params." + p.field
			if nilable(p.kind) {
				value = value[1:]
			}
			fmt.Fprintf(b, "\tif params.%s != nil {\n\t\tq.%s(%s, %s)\n\t}\n", p.field, add, strconv.Quote(p.name), value)
		}
	}
	g.setBody(b, o, a.body)
	b.WriteString("\treturn q\n}\n\n")
}

// setBody writes how the body is set.
func (g *goTypes) setBody(b *strings.Builder, o *operation, text string) {
	form := g.formSchema(o.body)
	switch {
	case text == "":
	case o.media == mediaForm && form == nil:
		b.WriteString("\tq.addForm()\n\tq.addParts(body)\n")
	case o.media == mediaForm && nilable(text):
		b.WriteString("\tif body == nil {\n\t\treturn q\n\t}\n\tq.addForm()\n")
		g.form(b, form)
	case o.media == mediaForm:
		b.WriteString("\tq.addForm()\n")
		g.form(b, form)
	case text == "File" && o.bodyRequired:
		fmt.Fprintf(b, "\tq.media, q.body = %s, body\n", strconv.Quote(o.media))
	case text == "File":
		fmt.Fprintf(b, "\tif body.Content != nil {\n\t\tq.media, q.body = %s, body\n\t}\n", strconv.Quote(o.media))
	case nilable(text), text == "url.Values":
		b.WriteString("\tif body != nil {\n\t\tq.body = body\n\t}\n")
	default:
		b.WriteString("\tq.body = body\n")
	}
}

// itemsOf returns the type of the items of a listing, and how they are reached from a page; empty: it has none.
func (g *goTypes) itemsOf(o *operation, page string) (item, path string) {
	if !o.listing || o.answer == nil {
		return "", ""
	}
	s, _ := o.answer.nullable()
	if s.plainType() == "array" && strings.HasPrefix(page, "[]") {
		return page[2:], ""
	}
	if items := s.Properties["items"]; items != nil && items.plainType() == "array" && g.structured(s) && items.Items != nil {
		return g.elementOf(items.Items, page+"Item"), "." + fieldOf(s, "items")
	}
	return "", ""
}
