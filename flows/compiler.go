package flows

import (
	"maps"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/flows/internal/yaml"
	"github.com/penstock/penstock/flows/problem"
)

// compiler compiles the nodes of one file into a flow. It is used once.
type compiler struct {
	*problem.Report
	catalogue         *Catalogue
	flow              *Flow
	names             map[string]yaml.Place // of all steps of the file
	slots             []*step               // steps with a name, by slot
	steps             int
	depth             int                      // of nested steps
	scope             *scope                   // the variables visible at this point
	entry             *scope                   // the scope at the start of the current list of steps
	responses         responsePaths            // see responsePaths
	afterResponseStep string                   // path of the first step with after_response; empty: none
	httpParams        []string                 // names of the parameters of all operations of an http trigger
	repeats           int                      // number of enclosing steps that execute it in rounds
	takesSecrets      bool                     // the parameter takes secrets
	handlesFailure    bool                     // the steps are those of on_failure
	httpListing       bool                     // some operation has a listing
	requestReads      []requestRead            // in steps
	connector         *connectorScope          // what is compiled is a part of a connector; nil: it is one of the flow
	connectors        map[string]*connectorDoc // in the file
	documentOrder     []*connectorDoc          // likewise
	unreadable        map[string]bool          // connectors with mistakes in files of their own
	offered           map[string][]string      // names of the operations of connectors in other files
	elsewhere         problem.List             // in these files
}

// scope is the set of steps that are ancestors of every item at one point of the flow.
type scope struct {
	steps     map[string]int    // slot by name
	ambiguous map[string]string // name → path of the step that made it ambiguous
}

func (s *scope) clone() *scope {
	return &scope{steps: maps.Clone(s.steps), ambiguous: maps.Clone(s.ambiguous)}
}

// merge adds the scope of nested steps.
func (s *scope) merge(nested *scope) {
	maps.Copy(s.steps, nested.steps)
	for name, by := range nested.ambiguous {
		if _, visible := s.steps[name]; !visible {
			s.ambiguous[name] = by
		}
	}
}

// Limits of the steps of a flow.
const (
	maxSteps      = 500
	maxRead       = 5000 // steps whose problems are reported, in a flow with too many steps
	maxStepDepth  = 16
	maxWorkers    = 64 // of one step
	effectWorkers = 8  // default of a step with effects
)

// Block is a sequence of steps: of the flow, of a branch, or of an error handler.
type Block struct {
	steps    []*step
	effects  bool // some step in it has an effect
	responds bool // some step in it may answer the caller
}

// block compiles a list of steps. path is the path of the parent step, empty at the top.
func (c *compiler) block(n *yaml.Node, path string) (any, error) {
	if n.Shape != yaml.Sequence {
		return nil, expected("a list of steps", n)
	}
	if len(n.Items) == 0 {
		return nil, mistake.Errorf(mistake.EmptySteps, "expected at least one step")
	}
	if c.depth++; c.depth > maxStepDepth {
		return nil, mistake.Errorf(mistake.TooDeep, "steps are nested deeper than %d", maxStepDepth)
	}
	outer, around, answered := c.scope, c.entry, c.responses
	c.scope, c.entry, c.responses = outer.clone(), outer, responsePaths{before: answered.before}
	b := &Block{}
	taken := labels(n)
	var terminal *step // the last step, if it fails on every item
	for _, element := range n.Items {
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
		b.responds, answered.inside = true, last
	}
	c.scope, c.entry, c.responses = outer, around, answered
	c.scope.merge(nested)
	return b, nil
}

// updateScope sets the scope for the steps after s.
func (c *compiler) updateScope(s *step) {
	if s.aggregates {
		c.scope = c.aggregateScope(s.path)
	}
	if s.slot >= 0 {
		c.scope.steps[s.name] = s.slot
	}
}

// aggregateScope is the scope of a program over all items, and of the steps after it. Only ancestors from before the
// current list of steps are common to all items.
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

// labels returns the names of the steps in a list.
func labels(n *yaml.Node) map[string]bool {
	taken := map[string]bool{}
	for _, element := range n.Items {
		if n := element.Member("name"); n != nil {
			if name, ok := n.Value.(string); ok {
				taken[name] = true
			}
		}
	}
	return taken
}

// terminalStep returns the last step if no item gets past it, because it fails on every item. It returns nil after
// such a step, so that only the first unreachable step is reported.
func (s *step) terminalStep(previous *step) *step {
	if previous != nil || !s.terminal || s.runner == nil || s.cond != nil || s.onError == becomeItem || s.onError == handleItem {
		return nil
	}
	return s
}

// unreachable reports a step that no item reaches because the previous one fails on every item. An aggregating step
// also runs without items.
func (c *compiler) unreachable(terminal *step, n *yaml.Node, s *step) {
	if terminal != nil && !s.aggregates {
		c.Add(mistake.UnreachableStep, n.Place, "give "+terminal.path+" an if, or remove what follows it", "this step is never reached: %s fails on every item", terminal.path)
	}
}
