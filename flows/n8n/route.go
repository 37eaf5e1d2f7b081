package n8n

import (
	"maps"
	"slices"
	"strings"
)

// fan is what leaves a node: the nodes that are reached through it, and the wires that are needed.
type fan struct {
	*importer
	n       *node
	sc      *scope
	routes  []string // conditions, by port; nil: one port
	direct  []*node  // with one connection, from n
	joins   []*node  // with several
	needed  []wire   // by joins, and those of want
	own     []wire   // those of needed that leave n itself
	want    []wire   // by what is outside
	gathers bool     // the item is the list of all items
	kept    []string // nodes of which each element of the list has the item, beside its own
}

// routeCond is the condition of a port, for an item that may be routed to any of them.
func routeCond(routes []string, port int) string {
	if port < len(routes) && routes[port] != "" {
		before := []string{}
		for _, r := range routes[:port] {
			if r != "" && r != routes[port] && r != "("+routes[port]+") | not" && !exclusive(r, routes[port]) {
				before = append(before, r)
			}
		}
		if len(before) == 0 {
			return routes[port]
		}
		return "((" + strings.Join(before, ") or (") + ") | not) and (" + routes[port] + ")"
	}
	if port >= len(routes) {
		return "false"
	}
	var all []string
	for _, r := range routes {
		if r != "" {
			all = append(all, r)
		}
	}
	if len(all) == 1 {
		return "(" + all[0] + ") | not"
	}
	return "(" + strings.Join(all, ") or (") + ") | not"
}

// exclusive reports whether two conditions compare one thing with two texts.
func exclusive(a, b string) bool {
	left, value, ok := strings.Cut(a, ` == "`)
	left2, value2, ok2 := strings.Cut(b, ` == "`)
	ends := func(text string) bool { return strings.IndexByte(text, '"') == len(text)-1 }
	return ok && ok2 && left == left2 && value != value2 && ends(value) && ends(value2)
}

// route writes a filter or a switch, where each item may go its own way.
func (f *fan) route() ([]step, bool) {
	ports := map[int]bool{}
	for _, kid := range f.direct {
		ports[kid.in[0].port] = true
	}
	for _, wr := range f.own {
		ports[wr.port] = true
	}
	if len(ports) == 1 && len(f.joins) == 0 {
		port := slices.Collect(maps.Keys(ports))[0]
		inner := f.sc.clone()
		filter := f.enter(port, inner)
		switch {
		case len(f.direct) == 0:
			return filter, true
		case len(f.direct) == 1 && len(f.own) == 0:
			return append(filter, f.tree(f.direct[0], inner, f.want)...), true
		}
		return nil, false
	}
	if len(f.joins) > 1 || len(f.joins) == 0 && len(f.needed) > 1 || len(f.joins) == 1 && !f.joinsAll() {
		return nil, false
	}
	if len(ports) < len(f.direct)+len(f.own) { // a port leads to several nodes
		return nil, false
	}
	if !f.sc.single && slices.ContainsFunc(f.direct, func(kid *node) bool { return !f.eachItem(kid) }) {
		if count(f.direct, responds) < 2 {
			return nil, false
		}
		f.check(f.n, "each item goes through its branch by itself, so that one branch responds; n8n sends all items of a branch together")
	}
	steps := []step{f.switchStep()}
	f.sc.single, f.sc.responded = false, f.sc.responded || slices.ContainsFunc(f.direct, responds)
	if len(f.joins) == 1 {
		j := f.joins[0]
		if !f.eachItem(j) {
			f.check(j, "several branches lead to it: here it runs once, with the items of all; n8n runs it for each branch")
		}
		f.sc.wires = nil
		return append(steps, f.tree(j, f.sc, f.want)...), true
	}
	return steps, true
}

// joinsAll reports whether the only join takes, at one input, all wires that are needed.
func (f *fan) joinsAll() bool {
	j := f.joins[0]
	return !multiInput(j) && !slices.ContainsFunc(f.needed, func(wr wire) bool {
		if slices.Contains(j.wires(), wr) {
			return slices.Contains(f.want, wr)
		}
		return !j.contains(wr.n)
	})
}

// switchStep writes the branches of a switch.
func (f *fan) switchStep() step {
	var branches []any
	var rest []step
	for port, when := range f.routes {
		var steps []step
		kid := slices.IndexFunc(f.direct, func(k *node) bool { return k.in[0].port == port })
		isOwn := slices.Contains(f.own, wire{f.n, port})
		switch {
		case kid >= 0:
			wanted := within(f.direct[kid], f.needed)
			steps = append(f.unwrapped(f.n, port), f.tree(f.direct[kid], f.sc.clone(), wanted)...)
			if len(wanted) == 0 && len(f.needed) > 0 {
				steps = append(steps, drop())
			}
		case isOwn:
			if steps = f.unwrapped(f.n, port); steps == nil {
				steps = []step{pass()}
			}
		default:
			steps = []step{drop()}
		}
		if when == "" {
			rest = steps
			continue
		}
		branches = append(branches, mapping{{"when", when}, {"steps", steps}})
	}
	if rest == nil {
		rest = []step{drop()}
	}
	branches = append(branches, mapping{{"else", rest}})
	return step{body: mapping{{"name", f.n.step}, {"switch", branches}}}
}

// unwrapped writes what makes the item of an output of what was routed to it.
func (im *importer) unwrapped(n *node, port int) []step {
	if program := im.unwrap[wire{n, port}]; program != "" {
		return one(program)
	}
	return nil
}

// count counts the nodes for which f is true.
func count(nodes []*node, f func(*node) bool) int {
	n := 0
	for _, one := range nodes {
		if f(one) {
			n++
		}
	}
	return n
}

// responds reports whether a node, or one that it dominates, responds to the caller.
func responds(n *node) bool {
	return slices.ContainsFunc(n.all(), func(n *node) bool { return n.kind == "respondToWebhook" && !n.Disabled })
}
