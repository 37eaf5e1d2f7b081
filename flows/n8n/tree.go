package n8n

import (
	"fmt"
	"maps"
	"slices"
)

// importer writes the steps of a workflow.
type importer struct {
	w        *workflow
	start    *node
	notes    []Note
	conns    []Connection
	secrets  []string
	head     mapping         // of the flow file: its trigger
	last     []step          // at the end of the flow
	singles  map[*node]bool  // nodes that put out one item
	unwrap   map[wire]string // programs that make the item of an output of what was routed to it
	gathered int
	order    []*node
}

// scope is what is known at a place of the flow.
type scope struct {
	single    bool              // one item comes here
	visible   map[string]string // jq of the item of an earlier node
	index     string            // jq of $runIndex
	wires     map[wire]string   // jq of lists of items in the item, for nodes with several connections
	responded bool              // a respond step is on the way here
	depth     int               // of blocks
}

// maxDepth bounds the nesting of blocks; a flow has at most 16.
const maxDepth = 14

// clone is the scope of a nested block.
func (sc *scope) clone() *scope {
	c := *sc
	c.depth++
	c.visible, c.wires = maps.Clone(sc.visible), maps.Clone(sc.wires)
	return &c
}

// made is what a node becomes.
type made struct {
	steps  []step
	routes []string // conditions, by port: an item goes to the first that is true; nil: one port. An empty one is for all that are left
}

// tree writes the steps of a node and of all that is reached through it alone. The items that come out are those of the wire that
// is wanted; of several, one object of lists by the names of the wires; without any, those of all ends.
func (im *importer) tree(n *node, sc *scope, want []wire) []step {
	if sc.depth++; sc.depth > maxDepth {
		im.todo(n, "branches within branches", "it is nested too deeply for a flow: put it into a flow of its own")
		return one("error(" + literal("to do: "+n.Name+": nested too deeply").code + ")")
	}
	sc.depth--
	m := im.node(n, sc)
	if n.loop != nil {
		return append(m.steps, im.loop(n, sc, want)...)
	}
	return append(m.steps, im.rest(n, sc, m.routes, n.kids, want)...)
}

// rest writes what follows a node.
func (im *importer) rest(n *node, sc *scope, routes []string, kids []*node, want []wire) []step {
	f := &fan{importer: im, n: n, sc: sc, routes: routes, want: want, needed: slices.Clone(want)}
	for _, kid := range kids {
		if len(kid.in) == 1 {
			f.direct = append(f.direct, kid)
			continue
		}
		f.joins = append(f.joins, kid)
		for _, wr := range kid.wires() {
			if !slices.Contains(f.needed, wr) {
				f.needed = append(f.needed, wr)
			}
		}
	}
	for _, wr := range f.needed {
		if wr.n == n {
			f.own = append(f.own, wr)
		}
	}
	switch {
	case len(kids) == 0 && (routes == nil || len(f.own) == 0): // its end, or what is wanted
		return nil
	case routes == nil && len(kids) == 1 && len(f.direct) == 1 && len(f.own) == 0 && f.direct[0].in[0].port == 0:
		return im.tree(f.direct[0], sc, want)
	case routes == nil:
		f.direct = slices.DeleteFunc(f.direct, func(kid *node) bool {
			if kid.in[0].port != 0 {
				im.todo(kid, "an output that is not known", fmt.Sprintf("output %d of %q", kid.in[0].port+1, n.Name))
			}
			return kid.in[0].port != 0
		})
	default:
		if steps, ok := f.route(); ok {
			return steps
		}
	}
	return f.fork()
}

// drop puts out nothing.
func drop() step { return step{body: mapping{{"transform", "empty"}}} }

// pass changes nothing.
func pass() step { return step{body: mapping{{"transform", "."}}} }
