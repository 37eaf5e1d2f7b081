package flows

// terminalStep is the step that no item gets past, this one or the one before; nil
// when there is none, or when that was said.
func (s *step) terminalStep(previous *step) *step {
	if previous != nil || !s.terminal || s.runner == nil || s.cond != nil || s.onError == becomeItem || s.onError == handleItem {
		return nil
	}
	return s
}

// unreachable reports a step that no item reaches: the one before always
// fails. A step that gathers runs even when no item comes.
func (c *compiler) unreachable(terminal *step, n *node, s *step) {
	if terminal != nil && !s.aggregates {
		c.add(n.place, "give "+terminal.path+" an if, or remove what follows it", "this step is never reached: %s fails on every item", terminal.path)
	}
}
