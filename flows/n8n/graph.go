package n8n

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
)

// loop is the loop of a splitInBatches node.
type loop struct {
	loop, done int  // its ports
	back       wire // what comes back to it; no node: nothing does
}

// wire is what a node puts out at a port.
type wire struct {
	n    *node
	port int
}

// loopBack is the kind of a node in the place of a connection that leads back.
const loopBack = "penstock.loopBack"

// build makes the graph of what a trigger reaches: connections that lead back become loops, or nodes that fail.
func (w *workflow) build(start *node) []*node {
	w.connect()
	w.endLoops()
	w.openLoops(start)
	order := w.order(start)
	for _, n := range w.Nodes { // connections from elsewhere
		n.in = slices.DeleteFunc(n.in, func(e edge) bool { return e.from.at < 0 })
	}
	dominators(order)
	return order
}

// connect makes the edges.
func (w *workflow) connect() {
	for _, n := range w.Nodes { // in the order of the file
		for port, targets := range w.Connections[n.Name]["main"] {
			for _, t := range targets {
				to := w.byName[t.Node]
				e := edge{from: n, port: port, to: to, input: t.Index}
				if to == nil || slices.Contains(n.out, e) || n.trigger() && to.trigger() {
					continue
				}
				n.out, to.in = append(n.out, e), append(to.in, e)
			}
		}
	}
	for _, n := range w.Nodes {
		slices.SortStableFunc(n.in, func(a, b edge) int { return a.input - b.input })
		if n.kind == "splitInBatches" {
			n.loop = &loop{done: 1}
			if n.Version >= 3 {
				n.loop = &loop{loop: 1}
			}
		}
	}
}

// noItemsLeft matches the condition at the end of a loop, as it was before loops had an output for their end.
var noItemsLeft = regexp.MustCompile(`^=\{\{\s*\$(?:node\[["']([^"']+)["']\]|\(["']([^"']+)["']\))\.context(?:\[["'](?:noItemsLeft|done)["']\]|\.(?:noItemsLeft|done))\s*\}\}$`)

// endLoops gives loops that end with such a condition what the others have: the way back, and an output for the end.
func (w *workflow) endLoops() {
	for _, n := range w.Nodes {
		tests := n.Params.list("conditions", "boolean")
		if n.kind != "if" || len(tests) != 1 || tests[0]["value2"] != true || tests[0].text("operation") == "notEqual" {
			continue
		}
		found := noItemsLeft.FindStringSubmatch(tests[0].text("value1"))
		if found == nil {
			continue
		}
		s := w.byName[found[1]+found[2]]
		if s == nil || s.loop == nil || !slices.Contains(n.out, edge{from: n, port: 1, to: s}) {
			continue
		}
		for _, e := range slices.Clone(n.out) {
			switch remove(e); {
			case e.port == 0:
				add(edge{from: s, port: s.loop.done, to: e.to, input: e.input})
			default:
				add(edge{from: n, to: e.to, input: e.input})
			}
		}
		n.kind, n.endOf = "noOp", s.Name
	}
}

// openLoops removes the connections that lead back.
func (w *workflow) openLoops(start *node) {
	state := map[*node]int{} // 1: on the path, 2: done
	var back []edge
	var visit func(n *node)
	visit = func(n *node) {
		state[n] = 1
		for _, e := range n.out {
			switch state[e.to] {
			case 0:
				visit(e.to)
			case 1:
				back = append(back, e)
			}
		}
		state[n] = 2
	}
	visit(start)
	ends := map[*node]int{}
	for _, e := range back {
		ends[e.to]++
	}
	for _, e := range back {
		remove(e)
		if e.to.loop != nil && ends[e.to] == 1 {
			e.to.loop.back = wire{e.from, e.port}
			continue
		}
		if e.to.loop != nil {
			end := e.to.loop.back.n
			if end == nil {
				end = w.synthetic("noOp", "end of "+e.to.Name)
				e.to.loop.back = wire{end, 0}
			}
			add(edge{from: e.from, port: e.port, to: end})
			continue
		}
		n := w.synthetic(loopBack, e.from.Name+" → "+e.to.Name)
		n.back = e.to.Name
		add(edge{from: e.from, port: e.port, to: n})
	}
}

// synthetic adds a node that the workflow does not have.
func (w *workflow) synthetic(kind, name string) *node {
	n := &node{Name: name, kind: kind, at: -1, step: "loop_" + strconv.Itoa(len(w.Nodes))}
	w.Nodes = append(w.Nodes, n)
	return n
}

func remove(e edge) {
	e.from.out = slices.DeleteFunc(e.from.out, func(o edge) bool { return o == e })
	e.to.in = slices.DeleteFunc(e.to.in, func(o edge) bool { return o == e })
}

func add(e edge) {
	e.from.out, e.to.in = append(e.from.out, e), append(e.to.in, e)
}

// order returns what is reached, each node after those that it gets items from.
func (w *workflow) order(start *node) []*node {
	var order []*node
	seen := map[*node]bool{}
	var visit func(n *node)
	visit = func(n *node) {
		seen[n] = true
		for i := len(n.out) - 1; i >= 0; i-- {
			if to := n.out[i].to; !seen[to] {
				visit(to)
			}
		}
		order = append(order, n)
	}
	visit(start)
	slices.Reverse(order)
	for i, n := range order {
		n.at = i
	}
	return order
}

// dominators finds the node that each one is only reached through, and is nearest to it (Cooper, Harvey, Kennedy: A Simple, Fast
// Dominance Algorithm).
func dominators(order []*node) {
	for _, n := range order[1:] {
		for _, e := range n.in {
			switch {
			case n.dom == nil:
				n.dom = e.from
			default:
				n.dom = commonDominator(n.dom, e.from)
			}
		}
		n.dom.kids = append(n.dom.kids, n)
	}
}

func commonDominator(a, b *node) *node {
	for a != b {
		for a.at > b.at {
			a = a.dom
		}
		for b.at > a.at {
			b = b.dom
		}
	}
	return a
}

// within reports whether a node is n, or dominated by it.
func (n *node) contains(other *node) bool {
	for ; other != nil; other = other.dom {
		if other == n {
			return true
		}
	}
	return false
}

// all returns n and what it dominates.
func (n *node) all() []*node {
	list := []*node{n}
	for _, kid := range n.kids {
		list = append(list, kid.all()...)
	}
	return list
}

// wires returns what the node takes, each once.
func (n *node) wires() []wire {
	var all []wire
	for _, e := range n.in {
		if w := (wire{e.from, e.port}); !slices.Contains(all, w) {
			all = append(all, w)
		}
	}
	return all
}

// inputs returns the wires of an input.
func (n *node) inputs(input int) []wire {
	var all []wire
	for _, e := range n.in {
		if e.input == input {
			all = append(all, wire{e.from, e.port})
		}
	}
	return all
}

func (n *node) String() string { return fmt.Sprintf("%s (%s)", n.Name, n.kind) }
