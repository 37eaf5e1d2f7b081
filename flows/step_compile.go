package flows

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/flows/internal/yaml"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/internal/suggest"
)

var stepName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// step compiles one step. It returns nil when the step has no valid kind.
func (c *compiler) step(n *yaml.Node, path string, taken map[string]bool) *step {
	switch c.steps++; c.steps {
	case maxSteps + 1:
		c.Add(mistake.TooMany, n.Place, "split the flow", "more than %d steps", maxSteps)
	case maxRead + 1:
		c.Add(mistake.TooMany, n.Place, "", "from here on nothing is checked")
	}
	if c.steps > maxRead {
		return nil
	}
	if n.Shape != yaml.Mapping {
		c.Add(mistake.WrongType, n.Place, "a step is a mapping with its kind, as in - set: {a: 1}", "expected a step, found %s", n.ShapeName())
		return nil
	}
	kind, at := c.kindOf(n)
	if kind == nil {
		c.checkUnknownKind(n, path)
		return nil
	}
	before := len(c.Found)
	s := &step{kind: kind.Name, slot: -1, aggregates: kind.Aggregates, internalOnly: kind.InternalOnly, terminal: kind.Terminal, recordsOutcomes: kind.CPUBound}
	common, own := c.splitKeys(n, kind, at)
	s.path = join(path, c.label(common, own, kind, taken))
	c.flow.allSteps = append(c.flow.allSteps, s)
	if path == "" {
		c.flow.topSteps = append(c.flow.topSteps, topStep{s.path, sha256.Sum256(EncodeJSON(c.literal(n)))})
	}
	inner, answered := c.scope, c.responses
	c.responses.inside = ""
	if kind.Aggregates {
		c.scope = c.aggregateScope(s.path)
	}
	attrs := c.arguments(common, attributes, s.path)
	if kind.Repeats {
		c.repeats++
	}
	args := c.arguments(own, kind.Params, s.path)
	if kind.Repeats {
		c.repeats--
	}
	c.scope = inner
	c.readAttributes(s, attrs)
	if s.effect = kind.Effect; len(c.Found) == before { // with problems, the arguments may be incomplete
		args.operation = func() (Runner, error) { return c.usedOperation(s, own, args) }
		c.construct(s, kind, args)
		c.flow.respondsFile = c.flow.respondsFile || kind.Responds && args.Has("file")
	}
	s.inParts = kind.InParts
	s.reaches = s.effect != Pure || kind.Effect != Pure
	s.throughEnv = kind.ThroughEnv || kind.InternalOnly || kind.Effect == Pure
	c.resolveEffect(s, attrs)
	c.noteExternalStep(s)
	c.noteResponder(s, kind, answered, n.Keys[at].Place)
	return s
}

// kindOf finds the key of a step that names its kind.
func (c *compiler) kindOf(n *yaml.Node) (*Kind, int) {
	found := -1
	for i, k := range n.Keys {
		if c.catalogue.byName[k.Name] == nil {
			continue
		}
		if found >= 0 {
			c.Add(mistake.TwoKinds, k.Place, "make two steps of it", "a step has one kind, this one has %s and %s", n.Keys[found].Name, k.Name)
			return nil, 0
		}
		found = i
	}
	if found >= 0 {
		return c.catalogue.byName[n.Keys[found].Name], found
	}
	known := append(c.catalogue.names(), paramNames(attributes)...)
	for _, k := range n.Keys {
		if !slices.Contains(paramNames(attributes), k.Name) {
			c.Add(mistake.UnknownKind, k.Place, suggest.DidYouMean(k.Name, known), "unknown step kind %q", k.Name)
			return nil, 0
		}
	}
	c.Add(mistake.NoKind, n.Place, suggest.OneOf(c.catalogue.names()), "the step has no kind")
	return nil, 0
}

// checkUnknownKind checks the common attributes of a step of unknown kind, so that this mistake neither hides others
// nor causes new ones.
func (c *compiler) checkUnknownKind(n *yaml.Node, path string) {
	common := &yaml.Node{Place: n.Place, Shape: yaml.Mapping}
	for i, k := range n.Keys {
		if slices.Contains(paramNames(attributes), k.Name) {
			common.Keys, common.Items = append(common.Keys, k), append(common.Items, n.Items[i])
		}
	}
	s := &step{slot: -1}
	c.readAttributes(s, c.arguments(common, attributes, path))
	if s.slot >= 0 {
		c.scope.steps[s.name] = s.slot
	}
}

// splitKeys separates the keys of a step into common attributes and the arguments of its kind.
func (c *compiler) splitKeys(n *yaml.Node, kind *Kind, at int) (common, own *yaml.Node) {
	common = &yaml.Node{Place: n.Place, Shape: yaml.Mapping}
	own = n.Items[at]
	inline := slices.IndexFunc(kind.Params, func(p Param) bool { return p.Inline })
	if inline >= 0 && (own.Shape != yaml.Mapping || kind.Params[inline].Type.HoldsMapping() || !hasParamName(own, kind.Params)) {
		c.checkInline(own, kind, inline)
		own = yaml.Member(n.Keys[at].Place, kind.Params[inline].Name, own)
	} else {
		inline = -1
		if own.Shape == yaml.Mapping {
			own = &yaml.Node{Place: n.Keys[at].Place, Shape: yaml.Mapping, Keys: own.Keys, Items: own.Items}
		} else if own.Value == nil {
			own = &yaml.Node{Place: n.Keys[at].Place, Shape: yaml.Mapping}
		}
	}
	for i, k := range n.Keys {
		beside := func(p Param) bool { return p.Name == k.Name }
		switch {
		case i == at:
		case inline >= 0 && slices.ContainsFunc(kind.Params, beside):
			own.Keys, own.Items = append(own.Keys, k), append(own.Items, n.Items[i])
		case slices.ContainsFunc(attributes, beside):
			common.Keys, common.Items = append(common.Keys, k), append(common.Items, n.Items[i])
		default:
			known := append(paramNames(attributes), nonInlineParams(kind.Params)...)
			c.Add(mistake.UnknownKey, k.Place, suggest.DidYouMean(k.Name, known), "unknown field %q of a %s step", k.Name, kind.Name)
		}
	}
	return common, own
}

// checkInline reports a mapping that stands for the value of an inline parameter, but has the parameters of the kind
// instead: nothing else would say that they are taken for members of the value.
func (c *compiler) checkInline(own *yaml.Node, kind *Kind, inline int) {
	p, found := kind.Params[inline], false
	if own.Shape != yaml.Mapping || !p.Type.HoldsMapping() || p.Type == TypeObject {
		return
	}
	for i, k := range own.Keys {
		if !slices.ContainsFunc(kind.Params, func(p Param) bool { return p.Name == k.Name }) {
			return
		}
		found = found || k.Name == p.Name && own.Items[i].Shape == yaml.Mapping
	}
	if found {
		c.Add(mistake.WrongType, own.Place, fmt.Sprintf("write the value of %s alone here, and the other parameters beside %s", p.Name, kind.Name),
			"%s is a parameter of %s, and would be a member of its value here", p.Name, kind.Name)
	}
}

// hasParamName reports whether a key of the mapping is a parameter, possibly misspelled.
func hasParamName(n *yaml.Node, params []Param) bool {
	for _, k := range n.Keys {
		for _, p := range params {
			if suggest.Distance(k.Name, p.Name) <= 2 {
				return true
			}
		}
	}
	return len(n.Keys) == 0
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

// HoldsMapping reports whether a mapping given for an inline parameter of type t is always its value, and never a set
// of parameters.
func (t Type) HoldsMapping() bool {
	switch t {
	case TypeFields, TypeObject, TypeLiteral:
		return true
	}
	return false
}

// label returns the path element of a step: its name, or that of its operation, or its kind, numbered from the second equal one in
// the list.
func (c *compiler) label(common, own *yaml.Node, kind *Kind, taken map[string]bool) string {
	for i, k := range common.Keys {
		if name, ok := common.Items[i].Value.(string); ok && k.Name == "name" {
			return name
		}
	}
	label := cmp.Or(operationLabel(kind, own), kind.Name)
	for first, i := label, 2; taken[label]; i++ {
		label = fmt.Sprintf("%s-%d", first, i)
	}
	taken[label] = true
	return label
}

// operationLabel returns the name of the operation of a uses step, without that of its connector; empty for other kinds.
func operationLabel(kind *Kind, own *yaml.Node) string {
	n := own.Member("operation")
	if kind.Name != UsesKind || n == nil {
		return ""
	}
	ref, _ := n.Value.(string)
	_, name, _ := strings.Cut(ref, ".")
	return name
}

func join(path, label string) string { return strings.TrimPrefix(path+"."+label, ".") }

// construct creates the runner of the step.
func (c *compiler) construct(s *step, kind *Kind, args *Args) {
	runner, err := kind.New(args)
	if err != nil {
		var p *problem.Problem
		if !errors.As(err, &p) {
			p = problem.At(mistake.Of(err, mistake.BadValue), args.place, "%v", err)
		}
		c.Put(*p)
		return
	}
	s.runner = runner
	s.nestedRunner, _ = runner.(NestedRunner)
	s.nestedEffects = args.nested()
	if e, ok := runner.(Effecter); ok {
		s.effect = e.Effect()
	}
}
