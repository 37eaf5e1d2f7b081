package flows

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// compiler turns the nodes of one file into a flow. It is used once.
type compiler struct {
	*report
	catalogue         *Catalogue
	flow              *Flow
	names             map[string]place // of every step, wherever it stands
	slots             []*step          // named steps, by slot
	steps             int
	depth             int    // of nested steps
	scope             *scope // what a program at this point may name
	entry             *scope // the same where the current list of steps begins
	responses         responsePaths
	afterResponseStep string // path of the first step with after_response; empty: none
}

// scope is the steps that are ancestors of every item at one point.
type scope struct {
	steps     map[string]int    // name to slot
	ambiguous map[string]string // name to the step that made it ambiguous
}

func (s *scope) clone() *scope {
	return &scope{steps: maps.Clone(s.steps), ambiguous: maps.Clone(s.ambiguous)}
}

// merge adds what nested steps brought.
func (s *scope) merge(nested *scope) {
	maps.Copy(s.steps, nested.steps)
	for name, by := range nested.ambiguous {
		if _, visible := s.steps[name]; !visible {
			s.ambiguous[name] = by
		}
	}
}

// Bounds of the steps of a flow.
const (
	maxSteps      = 500
	maxRead       = 5000 // those whose mistakes are told, of a flow with too many
	maxStepDepth  = 16
	maxWorkers    = 64 // of one step
	effectWorkers = 8  // of a step that reaches the world, unless it says otherwise
)

// Block is a sequence of steps: those of the flow, of a branch, of a handler.
type Block struct {
	steps   []*step
	effects bool // some step in it reaches the world
	answers bool // some step in it may answer the caller
}

// block compiles a list of steps. path leads to it, empty at the top.
func (c *compiler) block(n *node, path string) (any, error) {
	if n.shape != sequence {
		return nil, expected("a list of steps", n)
	}
	if len(n.items) == 0 {
		return nil, errors.New("expected at least one step")
	}
	if c.depth++; c.depth > maxStepDepth {
		return nil, fmt.Errorf("steps are nested deeper than %d", maxStepDepth)
	}
	outer, around, answered := c.scope, c.entry, c.responses
	c.scope, c.entry, c.responses = outer.clone(), outer, responsePaths{before: answered.before}
	b := &Block{}
	taken := labels(n)
	var terminal *step // fails on every item
	for _, element := range n.items {
		s := c.step(element, path, taken)
		if s == nil {
			continue
		}
		c.unreachable(terminal, element, s)
		terminal = s.terminalStep(terminal)
		b.steps = append(b.steps, s)
		b.effects = b.effects || s.effect != Pure || s.nestedEffects
		c.updateScope(s)
	}
	c.depth--
	nested := c.scope
	if last := c.responses.before; last != answered.before {
		b.answers, answered.inside = true, last
	}
	c.scope, c.entry, c.responses = outer, around, answered
	c.scope.merge(nested)
	return b, nil
}

// updateScope makes the scope what it is behind a step.
func (c *compiler) updateScope(s *step) {
	if s.aggregates {
		c.scope = c.aggregateScope(s.path)
	}
	if s.slot >= 0 {
		c.scope.steps[s.name] = s.slot
	}
}

// aggregateScope is the scope of a program over all items at once, and behind it:
// ancestors from before the current list of steps are still those of all.
func (c *compiler) aggregateScope(by string) *scope {
	s := c.scope.clone()
	for name := range s.steps {
		if _, outside := c.entry.steps[name]; !outside {
			s.ambiguous[name] = by
			delete(s.steps, name)
		}
	}
	return s
}

// labels are the names that the steps of a list give themselves.
func labels(n *node) map[string]bool {
	taken := map[string]bool{}
	for _, element := range n.items {
		if i := slices.IndexFunc(element.keys, func(k key) bool { return k.name == "name" }); i >= 0 {
			if name, ok := element.items[i].value.(string); ok {
				taken[name] = true
			}
		}
	}
	return taken
}
