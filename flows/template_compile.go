package flows

import (
	"encoding/json"
	"strings"

	"github.com/penstock/penstock/flows/internal/jq"
	"github.com/penstock/penstock/flows/internal/yaml"
)

// template compiles a value of the file that may contain ${ }. It always returns a template; problems are in the
// report.
func (c *compiler) template(n *yaml.Node) *Template {
	switch n.Shape {
	case yaml.Mapping:
		return c.templateMapping(n)
	case yaml.Sequence:
		t := &Template{list: []*Template{}}
		constant := true
		for _, element := range n.Items {
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
	s, isText := n.Value.(string)
	if !isText || !strings.Contains(s, "${") {
		return &Template{literal: n.Value}
	}
	return c.templateText(n, s)
}

func (c *compiler) templateMapping(n *yaml.Node) *Template {
	t := &Template{fields: c.fields(n)}
	for _, f := range t.fields {
		if _, fixed := f.Value.Literal(); !fixed {
			return t
		}
	}
	return &Template{literal: c.literal(n)}
}

func (c *compiler) fields(n *yaml.Node) []Field {
	fields := make([]Field, len(n.Keys))
	for i, k := range n.Keys {
		if strings.Contains(k.Name, "${") {
			c.add(k.Place, "use a transform step to compute names", "names are not rendered, only values are")
		}
		fields[i] = Field{Name: k.Name, Value: c.template(n.Items[i])}
	}
	return fields
}

func (c *compiler) templateText(n *yaml.Node, s string) *Template {
	pieces, open := jq.Split(s)
	if open >= 0 {
		c.unclosed(n, open)
		return &Template{}
	}
	if len(pieces) == 1 && pieces[0].Program {
		return &Template{expr: c.pieceProgram(n, pieces[0])}
	}
	t := &Template{parts: []part{}}
	for _, p := range pieces {
		if p.Program {
			t.parts = append(t.parts, part{expr: c.pieceProgram(n, p)})
		} else {
			t.parts = append(t.parts, part{text: p.Text})
		}
	}
	if len(t.parts) == 1 && t.parts[0].expr == nil {
		return &Template{literal: t.parts[0].text} // only $${
	}
	return t
}

func (c *compiler) pieceProgram(n *yaml.Node, p jq.Piece) *Expr {
	return c.program(p.Text, func(offset int) yaml.Place { return c.lines.Locate(n, p.Offset+offset) })
}

// unclosed reports a ${ without }. In plain text the usual reason is that YAML read the rest as a comment.
func (c *compiler) unclosed(n *yaml.Node, open int) {
	hint := "close it with }"
	if n.Style == yaml.Plain && c.lines.CommentFollows(n) {
		hint = `YAML reads " #" as the start of a comment: put quotes around the text`
	}
	c.add(c.lines.Locate(n, open), hint, "${ is not closed")
}

// literal returns a value of the file unrendered.
func (c *compiler) literal(n *yaml.Node) any {
	switch n.Shape {
	case yaml.Mapping:
		object := make(map[string]any, len(n.Keys))
		for i, k := range n.Keys {
			object[k.Name] = c.literal(n.Items[i])
		}
		return object
	case yaml.Sequence:
		list := make([]any, len(n.Items))
		for i, element := range n.Items {
			list[i] = c.literal(element)
		}
		return list
	}
	return n.Value
}

// bareProgram compiles a program without ${ }. YAML may have parsed it as another type than text: true, null and
// numbers are programs too.
func (c *compiler) bareProgram(n *yaml.Node) *Expr {
	source := ""
	switch v := n.Value.(type) {
	case string:
		source = v
	case json.Number:
		source = v.String()
	case bool:
		source = stringify(v)
	case nil:
		c.add(n.Place, "write . for the item itself", "expected a jq program, found nothing")
		return nil
	}
	before := len(c.found)
	e := c.program(source, func(offset int) yaml.Place { return c.lines.Locate(n, offset) })
	if len(c.found) > before && n.Style == yaml.Plain && c.found[before].Hint == "" && c.lines.CommentFollows(n) {
		c.found[before].Hint = `YAML reads " #" as the start of a comment: put quotes around the program`
	}
	return e
}
