package flows

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/penstock/penstock/flows/internal/jq"
	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/flows/internal/yaml"
)

// Template is a value of the flow file in which ${ } is rendered in every string. The result of an expression is
// never rendered again. Safe for concurrent use.
type Template struct {
	literal any         // the value, when nothing needs rendering
	expr    *Expr       // the value is a single ${ }: the result keeps its type
	parts   []part      // a text with ${ } in it
	list    []*Template // a sequence
	fields  []Field     // a mapping
	order   *Order      // of a parameter's value
	caller  *Template   // the value is that of this template for the step that uses the operation
	url     bool        // parts are the URL of an operation, whose values are checked
}

// part is a part of an interpolated text; expr is nil for literal text.
type part struct {
	text string
	expr *Expr
}

// Order returns the order of the members of a parameter's value as the file has them; nil: it has none.
func (t *Template) Order() *Order { return t.order }

// Literal returns the value of a template without expressions; false for others.
func (t *Template) Literal() (any, bool) {
	return t.literal, t.expr == nil && t.parts == nil && t.list == nil && t.fields == nil && t.caller == nil
}

// Render returns the value for the item.
func (t *Template) Render(ctx context.Context, in *Input) (any, error) {
	return t.RenderComputed(ctx, in, nil)
}

// Computed takes the value of one ${ } of a template and returns what stands in its place.
type Computed func(v any, at Position) (any, error)

// Position is where a ${ } is in a template.
type Position struct {
	// Alone: the ${ } is the whole of its text, so that a value of any type may take its place; otherwise the value is made text.
	Alone bool
	// Members are the names of the members of mappings in which the text is, the outermost first. Elements of lists have no name.
	Members []string
}

// below returns the position of a member's value.
func (p Position) below(member string) Position {
	return Position{Members: append(slices.Clip(p.Members), member)}
}

// RenderComputed returns the value for the item, as Render does, with each value of a ${ } replaced by computed; nil: as it is. It is for
// templates of a language, such as filters and queries: computed escapes or refuses what would change their meaning. A
// template whose value comes from the user of a connector's operation is one ${ }.
func (t *Template) RenderComputed(ctx context.Context, in *Input, computed Computed) (any, error) {
	v, err := t.render(ctx, in, computed, Position{})
	if err != nil {
		return nil, err
	}
	return bounded(v)
}

// bounded returns the error for a value that is too large.
func bounded(v any) (any, error) {
	if err := jq.Check(v); err != nil {
		return nil, &Error{Code: CodeLimit, Message: err.Error(), Err: err}
	}
	return v, nil
}

func (t *Template) render(ctx context.Context, in *Input, computed Computed, at Position) (v any, err error) {
	switch {
	case t.caller != nil:
		v, err = t.caller.render(ctx, in.call.caller, nil, Position{})
	case t.expr != nil:
		v, err = t.expr.one(ctx, in)
	case t.parts != nil:
		return t.interpolate(ctx, in, computed, at)
	case t.list != nil:
		list := make([]any, len(t.list))
		for i, element := range t.list {
			if list[i], err = element.render(ctx, in, computed, at); err != nil {
				return nil, err
			}
		}
		return list, nil
	case t.fields != nil:
		object := make(map[string]any, len(t.fields))
		for _, f := range t.fields {
			below := at
			if computed != nil {
				below = at.below(f.Name)
			}
			if object[f.Name], err = f.Value.render(ctx, in, computed, below); err != nil {
				return nil, err
			}
		}
		return object, nil
	default:
		return t.literal, nil
	}
	if err != nil || computed == nil {
		return v, err
	}
	if v, err = bounded(v); err != nil {
		return nil, err
	}
	at.Alone = true
	return computed(v, at)
}

// Text returns the value for the item as a string: a string unchanged, null as the empty string, anything else as
// JSON.
func (t *Template) Text(ctx context.Context, in *Input) (string, error) {
	v, err := t.Render(ctx, in)
	if err != nil {
		return "", err
	}
	return stringify(v), nil
}

func (t *Template) interpolate(ctx context.Context, in *Input, computed Computed, at Position) (any, error) {
	var b strings.Builder
	for i, p := range t.parts {
		if p.expr == nil {
			b.WriteString(p.text)
			continue
		}
		v, err := p.expr.one(ctx, in)
		if err == nil {
			err = jq.Check(v)
		}
		if err == nil && computed != nil {
			v, err = computed(v, at)
		}
		if err != nil {
			return nil, err
		}
		text := stringify(v)
		if t.url {
			if err := checkURLPart(b.String(), text, t.textAt(i+1), p.expr); err != nil {
				return nil, err
			}
		}
		if b.WriteString(text); b.Len() > jq.MaxValueSize {
			return nil, jq.ErrTooLarge
		}
	}
	return b.String(), nil
}

// textAt returns the text of a part; "" for a program, and behind the last one.
func (t *Template) textAt(i int) string {
	if i >= len(t.parts) {
		return ""
	}
	return t.parts[i].text
}

// stringify converts a value for a longer string.
func stringify(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return string(EncodeJSON(v))
}

// Order is the order in which the flow file has the members of a mapping. Values have none: their members are sorted by
// name wherever an order is needed. A nil Order is that of a value that is computed.
type Order struct {
	Names    []string
	members  map[string]*Order
	elements []*Order // of a sequence, which has no names
}

// Has reports whether the file has a member.
func (o *Order) Has(name string) bool {
	if o == nil {
		return false
	}
	_, ok := o.members[name]
	return ok
}

// Member returns the order of the value of a member; nil: it is not in the file.
func (o *Order) Member(name string) *Order {
	if o == nil {
		return nil
	}
	return o.members[name]
}

// Element returns the order of an element of a sequence; nil: it is not in the file.
func (o *Order) Element(i int) *Order {
	if o == nil || i >= len(o.elements) {
		return nil
	}
	return o.elements[i]
}

func orderOf(n *yaml.Node) *Order {
	switch n.Shape {
	case yaml.Mapping:
		o := &Order{Names: make([]string, len(n.Keys)), members: make(map[string]*Order, len(n.Keys))}
		for i, k := range n.Keys {
			o.Names[i], o.members[k.Name] = k.Name, orderOf(n.Items[i])
		}
		return o
	case yaml.Sequence:
		o := &Order{elements: make([]*Order, len(n.Items))}
		for i, element := range n.Items {
			o.elements[i] = orderOf(element)
		}
		return o
	}
	return nil
}

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
	if isText {
		c.lintText(n, s)
	}
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
			c.Add(mistake.ComputedName, k.Place, "use a transform step to compute names", "names are not rendered, only values are")
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
	return c.program(p.Text, func(offset int) yaml.Place { return c.Lines.Locate(n, p.Offset+offset) })
}

// unclosed reports a ${ without }. In plain text the usual reason is that YAML read the rest as a comment.
func (c *compiler) unclosed(n *yaml.Node, open int) {
	hint := "close it with }"
	if n.Style == yaml.Plain && c.Lines.CommentFollows(n) {
		hint = `YAML reads " #" as the start of a comment: put quotes around the text`
	}
	c.Add(mistake.UnclosedExpression, c.Lines.Locate(n, open), hint, "${ is not closed")
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
		c.Add(mistake.EmptyExpression, n.Place, "write . for the item itself", "expected a jq program, found nothing")
		return nil
	}
	before := len(c.Found)
	e := c.program(source, func(offset int) yaml.Place { return c.Lines.Locate(n, offset) })
	if len(c.Found) > before && n.Style == yaml.Plain && c.Found[before].Hint == "" && c.Lines.CommentFollows(n) {
		c.Found[before].Hint = `YAML reads " #" as the start of a comment: put quotes around the program`
	}
	return e
}
