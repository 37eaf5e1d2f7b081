package flows

import (
	"encoding/json"
	"strings"
)

// template compiles a value of the file that may contain ${ }. It always returns a template; problems are in the
// report.
func (c *compiler) template(n *node) *Template {
	switch n.shape {
	case mapping:
		return c.templateMapping(n)
	case sequence:
		t := &Template{list: []*Template{}}
		constant := true
		for _, element := range n.items {
			e := c.template(element)
			_, fixed := e.Literal()
			constant = constant && fixed
			t.list = append(t.list, e)
		}
		if constant {
			return &Template{literal: c.literal(n)}
		}
		return t
	}
	s, isText := n.value.(string)
	if !isText || !strings.Contains(s, "${") {
		return &Template{literal: n.value}
	}
	return c.templateText(n, s)
}

func (c *compiler) templateMapping(n *node) *Template {
	t := &Template{fields: c.fields(n)}
	for _, f := range t.fields {
		if _, fixed := f.Value.Literal(); !fixed {
			return t
		}
	}
	return &Template{literal: c.literal(n)}
}

func (c *compiler) fields(n *node) []Field {
	fields := make([]Field, len(n.keys))
	for i, k := range n.keys {
		if strings.Contains(k.name, "${") {
			c.add(k.place, "use a transform step to compute names", "names are not rendered, only values are")
		}
		fields[i] = Field{Name: k.name, Value: c.template(n.items[i])}
	}
	return fields
}

func (c *compiler) templateText(n *node, s string) *Template {
	pieces, open := scan(s)
	if open >= 0 {
		c.unclosed(n, open)
		return &Template{}
	}
	if len(pieces) == 1 && pieces[0].program {
		return &Template{expr: c.pieceProgram(n, pieces[0])}
	}
	t := &Template{parts: []part{}}
	for _, p := range pieces {
		if p.program {
			t.parts = append(t.parts, part{expr: c.pieceProgram(n, p)})
		} else {
			t.parts = append(t.parts, part{text: p.text})
		}
	}
	if len(t.parts) == 1 && t.parts[0].expr == nil {
		return &Template{literal: t.parts[0].text} // only $${
	}
	return t
}

func (c *compiler) pieceProgram(n *node, p piece) *Expr {
	return c.program(p.text, func(offset int) place { return c.locate(n, p.offset+offset) })
}

// unclosed reports a ${ without }. In plain text the usual reason is that YAML read the rest as a comment.
func (c *compiler) unclosed(n *node, open int) {
	hint := "close it with }"
	if n.style == plain && c.commentFollows(n) {
		hint = `YAML reads " #" as the start of a comment: put quotes around the text`
	}
	c.add(c.locate(n, open), hint, "${ is not closed")
}

// commentFollows reports whether a comment follows a plain scalar on its last line.
func (r *report) commentFollows(n *node) bool {
	s, _ := n.value.(string)
	end := r.locate(n, len(s))
	if end.line < 1 || end.line > len(r.lines) {
		return false
	}
	return strings.Contains(r.lines[end.line-1], " #")
}

// literal returns a value of the file unrendered.
func (c *compiler) literal(n *node) any {
	switch n.shape {
	case mapping:
		object := make(map[string]any, len(n.keys))
		for i, k := range n.keys {
			object[k.name] = c.literal(n.items[i])
		}
		return object
	case sequence:
		list := make([]any, len(n.items))
		for i, element := range n.items {
			list[i] = c.literal(element)
		}
		return list
	}
	return n.value
}

// bareProgram compiles a program without ${ }. YAML may have parsed it as another type than text: true, null and
// numbers are programs too.
func (c *compiler) bareProgram(n *node) *Expr {
	source := ""
	switch v := n.value.(type) {
	case string:
		source = v
	case json.Number:
		source = v.String()
	case bool:
		source = stringify(v)
	case nil:
		c.add(n.place, "write . for the item itself", "expected a jq program, found nothing")
		return nil
	}
	before := len(c.found)
	e := c.program(source, func(offset int) place { return c.locate(n, offset) })
	if len(c.found) > before && n.style == plain && c.found[before].Hint == "" && c.commentFollows(n) {
		c.found[before].Hint = `YAML reads " #" as the start of a comment: put quotes around the program`
	}
	return e
}
