package flows

import "github.com/penstock/penstock/flows/internal/yaml"

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
		c.add(n.Place, "give "+terminal.path+" an if, or remove what follows it", "this step is never reached: %s fails on every item", terminal.path)
	}
}
