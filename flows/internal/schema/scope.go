package schema

// scope is the dynamic scope of a schema, as $dynamicRef and $recursiveRef need it: the outermost schema of each
// dynamic anchor. Equal scopes are one pointer, so that they can be compared.
type scope struct {
	outermost map[string]*node
	recursive *node // outermost schema with a recursive anchor
}

// entry is a schema entered from a scope.
type entry struct {
	from *scope
	node *node
}

// anchor returns the outermost schema with the dynamic anchor.
func (s *scope) anchor(name string) *node {
	if s == nil {
		return nil
	}
	return s.outermost[name]
}

// enter returns the scope inside of n. Existing anchors stay, because outer schemas take precedence.
func (e *evaluation) enter(in *scope, n *node) *scope {
	recursive := n.resource.RecursiveAnchor && (in == nil || in.recursive == nil)
	fresh := recursive
	for name := range n.resource.anchors {
		fresh = fresh || in.anchor(name) == nil
	}
	if !fresh {
		return in
	}
	at := entry{in, n.resource}
	if recursive {
		at.node = n
	}
	if known, ok := e.scopes[at]; ok {
		return known
	}
	inner := &scope{outermost: map[string]*node{}}
	if in != nil {
		inner.recursive = in.recursive
		for name, outer := range in.outermost {
			inner.outermost[name] = outer
		}
	}
	if recursive {
		inner.recursive = n
	}
	for name, anchor := range n.resource.anchors {
		if inner.outermost[name] == nil {
			inner.outermost[name] = anchor
		}
	}
	if e.scopes == nil {
		e.scopes = map[entry]*scope{}
	}
	e.scopes[at] = inner
	return inner
}
