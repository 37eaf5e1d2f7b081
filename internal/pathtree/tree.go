package pathtree

import (
	"net/http"
	"slices"
	"strings"
)

// Tree finds values by method and path. It is built by one goroutine with Add; after that any number may look up, and
// none waits for another.
type Tree[T any] struct{ root node[T] }

// node is a place in the tree: behind each segment that some template has there.
type node[T any] struct {
	texts  map[string]*node[T]
	param  *node[T]
	served map[string]T // by method; nil: no template ends here
	head   bool         // HEAD is served by the value for GET
}

// Add puts a value at a method and template, in place of an earlier one. GET also answers HEAD (RFC 9110, section
// 9.3.2), unless HEAD has a value of its own.
func (t *Tree[T]) Add(method string, at Template, value T) {
	n := &t.root
	for _, s := range at.segments {
		n = n.next(s)
	}
	if n.served == nil {
		n.served = map[string]T{}
	}
	_, has := n.served[http.MethodHead]
	switch {
	case method == http.MethodHead:
		n.head = false
	case method == http.MethodGet && (!has || n.head):
		n.head, n.served[http.MethodHead] = true, value
	}
	n.served[method] = value
}

func (n *node[T]) next(s segment) *node[T] {
	if s.name != "" {
		if n.param == nil {
			n.param = &node[T]{}
		}
		return n.param
	}
	if n.texts == nil {
		n.texts = map[string]*node[T]{}
	}
	if n.texts[s.text] == nil {
		n.texts[s.text] = &node[T]{}
	}
	return n.texts[s.text]
}

// Found is what a path led to.
type Found[T any] struct {
	Value  T
	Values []string // of the template's parameters, in order
}

// Lookup finds what serves a method at a decoded path. At each segment a text goes before a parameter. One slash at the
// end means nothing; a parameter is never empty. found is false when no template matches, or none has the method.
func (t *Tree[T]) Lookup(method, path string) (f Found[T], found bool) {
	rest, ok := trim(path)
	if !ok {
		return f, false
	}
	var room [maxSegments]string
	n, values := t.root.find(method, rest, room[:0])
	if n == nil {
		return f, false
	}
	f.Value, f.Values = n.served[method], values
	return f, true
}

// find descends along the rest of a path, which is not empty.
func (n *node[T]) find(method, rest string, values []string) (*node[T], []string) {
	part, rest, more := strings.Cut(rest, "/")
	if part == "" {
		return nil, nil
	}
	if next := n.texts[part]; next != nil {
		if end, found := next.end(method, rest, more, values); end != nil {
			return end, found
		}
	}
	if n.param == nil || len(values) == cap(values) {
		return nil, nil
	}
	return n.param.end(method, rest, more, append(values, part))
}

// end is the node itself when the path ends at it.
func (n *node[T]) end(method, rest string, more bool, values []string) (*node[T], []string) {
	if more {
		return n.find(method, rest, values)
	}
	if _, ok := n.served[method]; ok {
		return n, values
	}
	return nil, nil
}

// Methods are all methods that are served at a path, sorted; nil: nothing is.
func (t *Tree[T]) Methods(path string) []string {
	rest, ok := trim(path)
	if !ok {
		return nil
	}
	var all []string
	t.root.collect(rest, func(n *node[T]) {
		for method := range n.served {
			all = append(all, method)
		}
	})
	slices.Sort(all)
	return slices.Compact(all)
}

func (n *node[T]) collect(rest string, each func(*node[T])) {
	part, rest, more := strings.Cut(rest, "/")
	for _, next := range []*node[T]{n.texts[part], n.param} {
		switch {
		case next == nil || part == "":
		case more:
			next.collect(rest, each)
		default:
			each(next)
		}
	}
}

// trim removes the slash at the beginning, and one at the end.
func trim(path string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(path, "/")
	rest = strings.TrimSuffix(rest, "/")
	return rest, ok && rest != ""
}
