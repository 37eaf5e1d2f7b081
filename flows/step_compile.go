package flows

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var stepName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// step compiles one step. It returns nil when the step has no valid kind.
func (c *compiler) step(n *node, path string, taken map[string]bool) *step {
	switch c.steps++; c.steps {
	case maxSteps + 1:
		c.add(n.place, "split the flow", "more than %d steps", maxSteps)
	case maxRead + 1:
		c.add(n.place, "", "from here on nothing is checked")
	}
	if c.steps > maxRead {
		return nil
	}
	if n.shape != mapping {
		c.add(n.place, "a step is a mapping with its kind, as in - set: {a: 1}", "expected a step, found %s", n.shapeName())
		return nil
	}
	kind, at := c.kindOf(n)
	if kind == nil {
		c.checkUnknownKind(n, path)
		return nil
	}
	before := len(c.found)
	s := &step{kind: kind.Name, slot: -1, aggregates: kind.Aggregates, internalOnly: kind.InternalOnly, terminal: kind.Terminal, recordsOutcomes: kind.CPUBound}
	common, own := c.splitKeys(n, kind, at)
	s.path = join(path, c.label(common, kind, taken))
	inner, answered := c.scope, c.responses
	c.responses.inside = ""
	if kind.Aggregates {
		c.scope = c.aggregateScope(s.path)
	}
	attrs := c.arguments(common, attributes, s.path)
	args := c.arguments(own, kind.Params, s.path)
	c.scope = inner
	c.readAttributes(s, attrs)
	if s.effect = kind.Effect; len(c.found) == before { // with problems, the arguments may be incomplete
		c.construct(s, kind, args)
	}
	c.resolveEffect(s, attrs)
	c.noteExternalStep(s)
	c.noteResponder(s, kind, answered, n.keys[at].place)
	return s
}

// kindOf finds the key of a step that names its kind.
func (c *compiler) kindOf(n *node) (*Kind, int) {
	found := -1
	for i, k := range n.keys {
		if c.catalogue.byName[k.name] == nil {
			continue
		}
		if found >= 0 {
			c.add(k.place, "make two steps of it", "a step has one kind, this one has %s and %s", n.keys[found].name, k.name)
			return nil, 0
		}
		found = i
	}
	if found >= 0 {
		return c.catalogue.byName[n.keys[found].name], found
	}
	known := append(c.catalogue.names(), paramNames(attributes)...)
	for _, k := range n.keys {
		if !slices.Contains(paramNames(attributes), k.name) {
			c.add(k.place, didYouMean(k.name, known), "unknown step kind %q", k.name)
			return nil, 0
		}
	}
	c.add(n.place, oneOf(c.catalogue.names()), "the step has no kind")
	return nil, 0
}

// checkUnknownKind checks the common attributes of a step of unknown kind, so that this mistake neither hides others
// nor causes new ones.
func (c *compiler) checkUnknownKind(n *node, path string) {
	common := &node{place: n.place, shape: mapping}
	for i, k := range n.keys {
		if slices.Contains(paramNames(attributes), k.name) {
			common.keys, common.items = append(common.keys, k), append(common.items, n.items[i])
		}
	}
	s := &step{slot: -1}
	c.readAttributes(s, c.arguments(common, attributes, path))
	if s.slot >= 0 {
		c.scope.steps[s.name] = s.slot
	}
}

// splitKeys separates the keys of a step into common attributes and the arguments of its kind.
func (c *compiler) splitKeys(n *node, kind *Kind, at int) (common, own *node) {
	common = &node{place: n.place, shape: mapping}
	own = n.items[at]
	inline := slices.IndexFunc(kind.Params, func(p Param) bool { return p.Inline })
	if inline >= 0 && (own.shape != mapping || holdsMapping(kind.Params[inline].Type) || !hasParamName(own, kind.Params)) {
		own = &node{place: n.keys[at].place, shape: mapping,
			keys: []key{{kind.Params[inline].Name, n.keys[at].place}}, items: []*node{own}}
	} else {
		inline = -1
		if own.shape == mapping {
			own = &node{place: n.keys[at].place, shape: mapping, keys: own.keys, items: own.items}
		} else if own.value == nil {
			own = &node{place: n.keys[at].place, shape: mapping}
		}
	}
	for i, k := range n.keys {
		beside := func(p Param) bool { return p.Name == k.name }
		switch {
		case i == at:
		case inline >= 0 && slices.ContainsFunc(kind.Params, beside):
			own.keys, own.items = append(own.keys, k), append(own.items, n.items[i])
		case slices.ContainsFunc(attributes, beside):
			common.keys, common.items = append(common.keys, k), append(common.items, n.items[i])
		default:
			known := append(paramNames(attributes), nonInlineParams(kind.Params)...)
			c.add(k.place, didYouMean(k.name, known), "unknown field %q of a %s step", k.name, kind.Name)
		}
	}
	return common, own
}

// hasParamName reports whether a key of the mapping is a parameter, possibly misspelled.
func hasParamName(n *node, params []Param) bool {
	for _, k := range n.keys {
		for _, p := range params {
			if editDistance(k.name, p.Name) <= 2 {
				return true
			}
		}
	}
	return len(n.keys) == 0
}

// nonInlineParams are the names of the parameters that may stand beside an inline one.
func nonInlineParams(params []Param) []string {
	var names []string
	for _, p := range params {
		if !p.Inline {
			names = append(names, p.Name)
		}
	}
	return names
}

// holdsMapping reports whether a mapping given for an inline parameter of type t is always its value, and never a set
// of parameters.
func holdsMapping(t Type) bool {
	switch t {
	case TypeFields, TypeObject, TypeLiteral:
		return true
	}
	return false
}

// label returns the path element of a step: its name, or its kind, numbered from the second step of that kind in the
// list.
func (c *compiler) label(common *node, kind *Kind, taken map[string]bool) string {
	for i, k := range common.keys {
		if name, ok := common.items[i].value.(string); ok && k.name == "name" {
			return name
		}
	}
	label := kind.Name
	for i := 2; taken[label]; i++ {
		label = fmt.Sprintf("%s-%d", kind.Name, i)
	}
	taken[label] = true
	return label
}

func join(path, label string) string { return strings.TrimPrefix(path+"."+label, ".") }

// construct creates the runner of the step.
func (c *compiler) construct(s *step, kind *Kind, args *Args) {
	runner, err := kind.New(args)
	if err != nil {
		var p *Problem
		if !errors.As(err, &p) {
			p = &Problem{Line: args.place.line, Column: args.place.column, Message: err.Error()}
		}
		c.put(*p)
		return
	}
	s.runner = runner
	s.nestedRunner, _ = runner.(NestedRunner)
	s.nestedEffects = args.nested()
	if e, ok := runner.(Effecter); ok {
		s.effect = e.Effect()
	}
}
