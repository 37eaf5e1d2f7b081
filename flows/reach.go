package flows

// after is the step that no item gets past, this one or the one before; nil
// when there is none, or when that was said.
func (s *step) after(dead *step) *step {
	if dead != nil || !s.ends || s.runner == nil || s.cond != nil || s.onError == becomeItem || s.onError == handleItem {
		return nil
	}
	return s
}

// unreachable reports a step that no item reaches: the one before always
// fails. A step that gathers runs even when no item comes.
func (c *compiler) unreachable(dead *step, n *node, s *step) {
	if dead != nil && !s.gathers {
		c.add(n.place, "give "+dead.path+" an if, or remove what follows it", "this step is never reached: %s fails on every item", dead.path)
	}
}
