package flows

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/flows/internal/yaml"
	"github.com/penstock/penstock/internal/suggest"
)

// arguments parses a mapping into the given parameters. trail is the prefix of the paths of nested steps.
func (c *compiler) arguments(n *yaml.Node, params []Param, trail string) *Args {
	a := &Args{values: map[string]any{}, places: map[string]yaml.Place{}, place: n.Place, compile: c.program}
	if n.Shape != yaml.Mapping && (n.Shape != yaml.Scalar || n.Value != nil) {
		c.Add(mistake.WrongType, n.Place, "", "expected a mapping, found %s", quoted(n))
		return a
	}
	mistyped := false
	for i, k := range n.Keys {
		at := slices.IndexFunc(params, func(p Param) bool { return p.Name == k.Name })
		if at < 0 {
			c.Add(mistake.UnknownKey, k.Place, fieldHint(k.Name, paramNames(params)), "unknown field %q", k.Name)
			mistyped = true
			continue
		}
		c.argument(a, params[at], n.Items[i], trail)
	}
	if !mistyped { // with an unknown field, a "missing" one may only be misspelled
		c.checkRequired(a, params)
	}
	return a
}

// fieldHint suggests a field name. Field names have no spaces; a text with a comma inside { } is parsed as a further
// field.
func fieldHint(name string, known []string) string {
	if strings.Contains(name, " ") {
		return "inside { } put quotes around a text that contains a comma"
	}
	return suggest.DidYouMean(name, known)
}

// checkRequired reports missing required parameters, and groups of exclusive parameters with none or several given.
func (c *compiler) checkRequired(a *Args, params []Param) {
	groups := map[string][]string{}
	for _, p := range params {
		if p.Required && !c.has(a, p) {
			c.Add(mistake.RequiredKey, a.place, "", "%s is missing", p.Name)
		}
		if p.OneOf != "" {
			groups[p.OneOf] = append(groups[p.OneOf], p.Name)
		}
	}
	for _, p := range params {
		names := groups[p.OneOf]
		if p.OneOf == "" || p.Name != names[0] {
			continue
		}
		given := slices.DeleteFunc(slices.Clone(names), func(name string) bool { _, ok := a.places[name]; return !ok })
		switch {
		case len(given) == 0:
			c.Add(mistake.RequiredKey, a.place, suggest.OneOf(names), "one of its fields is missing")
		case len(given) > 1:
			c.Add(mistake.ExclusiveKeys, a.places[given[1]], "keep one of them", "%s and %s exclude each other", given[0], given[1])
		}
	}
}

// has reports whether the flow gives the parameter, valid or not.
func (c *compiler) has(a *Args, p Param) bool { _, ok := a.places[p.Name]; return ok }

func paramNames(params []Param) []string {
	names := make([]string, len(params))
	for i, p := range params {
		names[i] = p.Name
	}
	return names
}

// argument parses one value and stores it if it is valid.
func (c *compiler) argument(a *Args, p Param, n *yaml.Node, trail string) {
	a.places[p.Name] = n.Place
	outer := c.takesSecrets
	c.takesSecrets = outer || p.Secrets
	v, err := c.read(p, n, trail)
	c.takesSecrets = outer
	if err != nil {
		c.Add(mistake.Of(err, mistake.BadValue), n.Place, hintOf(p, n), "%s: %v", p.Name, err)
		return
	}
	if v != nil || p.Type == TypeLiteral {
		a.values[p.Name] = v
	}
	if p.Names != "" {
		c.noteUse(p.Names, n)
	}
}

func hintOf(p Param, n *yaml.Node) string {
	word, _ := n.Value.(string)
	switch {
	case p.Type == TypeEnum:
		return suggest.DidYouMean(word, p.Enum)
	case p.Type == TypeObject && p.Short && n.Shape == yaml.Scalar:
		return suggest.DidYouMean(word, paramNames(p.Fields))
	case p.Type == TypeString && strings.Contains(word, "${"):
		return p.Hint
	case p.Type == TypeDuration && n.ShapeName() == "a number":
		return "write " + stringify(n.Value) + "s for seconds"
	}
	return ""
}

// read converts a node to the parameter's type. Problems inside programs and nested steps go to the report; the value
// is then nil.
func (c *compiler) read(p Param, n *yaml.Node, trail string) (any, error) {
	switch p.Type {
	case TypeExpr:
		if n.Shape != yaml.Scalar {
			return nil, mistake.Errorf(mistake.WrongType, "expected a jq program, found %s: put quotes around it", n.ShapeName())
		}
		e := c.bareProgram(n)
		if p.Condition {
			c.lintCondition(n, e)
		}
		return nonNil(e), nil
	case TypeTemplate:
		t := c.template(n)
		t.order = orderOf(n)
		return t, nil
	case TypeFields:
		if t, err := c.computed(p, n); t != nil || err != nil {
			return t, err
		}
		if n.Shape != yaml.Mapping {
			return nil, expected("a mapping", n)
		}
		return c.fields(n), nil
	case TypeObject:
		long, err := c.shorthand(p, n)
		if err != nil {
			return nil, err
		}
		return c.arguments(long, p.Fields, trail+"."+p.Name), nil
	case TypeList:
		if t, err := c.computed(p, n); t != nil || err != nil {
			return t, err
		}
		return c.list(p, n, trail)
	case TypeMap:
		return c.entries(p, n, trail)
	case TypeSteps:
		return c.block(n, nestedPath(trail, p.Name))
	case TypeLiteral:
		return c.literal(n), nil
	}
	return readLiteral(p, n)
}

// nonNil returns e, or an untyped nil for a nil pointer.
func nonNil(e *Expr) any {
	if e == nil {
		return nil
	}
	return e
}

// nestedPath returns the path of nested steps: "switch.1" for a parameter named steps, "switch.else" for an else in a
// list.
func nestedPath(trail, param string) string {
	switch param {
	case "steps":
		return trail
	case "else":
		parent, last := cutLast(trail)
		if _, err := strconv.Atoi(last); err == nil {
			return parent + ".else"
		}
	}
	return trail + "." + param
}

func cutLast(trail string) (parent, last string) {
	i := strings.LastIndexByte(trail, '.')
	return trail[:max(i, 0)], trail[i+1:]
}

// shorthand expands the form of an object that is one word, or a list of steps.
func (c *compiler) shorthand(p Param, n *yaml.Node) (*yaml.Node, error) {
	if n.Shape == yaml.Mapping || n.Shape == yaml.Scalar && n.Value == nil {
		return n, nil
	}
	var words []string
	for _, f := range p.Fields {
		if f.Inline && ((n.Shape == yaml.Sequence) == (f.Type == TypeSteps) || f.Type == TypeStrings) {
			return yaml.Member(n.Place, f.Name, n), nil
		}
		if p.Short && f.Type == TypeObject {
			words = append(words, f.Name)
		}
	}
	if n.Shape == yaml.Sequence {
		return n, nil
	}
	word, _ := n.Value.(string)
	if slices.Contains(words, word) {
		return yaml.Member(n.Place, word, &yaml.Node{Place: n.Place}), nil
	}
	if p.Short {
		return nil, mistake.Errorf(mistake.UnknownValue, "%s is not among its values", quoted(n))
	}
	return n, nil
}

func (c *compiler) list(p Param, n *yaml.Node, trail string) (any, error) {
	if n.Shape == yaml.Mapping && p.Single {
		return []*Args{c.arguments(n, p.Fields, trail)}, nil
	}
	if n.Shape != yaml.Sequence {
		return nil, expected("a list", n)
	}
	list := make([]*Args, len(n.Items))
	for i, element := range n.Items {
		list[i] = c.arguments(element, p.Fields, trail+"."+strconv.Itoa(i+1))
	}
	return list, nil
}

// entries reads a TypeMap. A list of words is a mapping from them to nothing.
func (c *compiler) entries(p Param, n *yaml.Node, trail string) (any, error) {
	if n.Shape == yaml.Sequence {
		words, err := readStrings(n)
		if err != nil {
			return nil, err
		}
		named := &yaml.Node{Place: n.Place, Shape: yaml.Mapping, Items: make([]*yaml.Node, len(n.Items))}
		for i, word := range words.([]string) {
			at := n.Items[i].Place
			named.Keys, named.Items[i] = append(named.Keys, yaml.Key{Name: word, Place: at}), &yaml.Node{Place: at}
		}
		n = named
	}
	if n.Shape != yaml.Mapping {
		return nil, expected("a mapping", n)
	}
	all := make([]Entry, len(n.Keys))
	for i, k := range n.Keys {
		long, err := c.shorthand(Param{Fields: p.Fields}, n.Items[i])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.Name, err)
		}
		all[i] = Entry{k.Name, c.arguments(long, p.Fields, trail)}
		all[i].place = k.Place
		if slices.ContainsFunc(all[:i], func(e Entry) bool { return e.Name == k.Name }) {
			c.Add(mistake.DuplicateName, k.Place, "", "%s: %q comes twice", p.Name, k.Name)
		}
	}
	return all, nil
}
