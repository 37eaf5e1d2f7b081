package n8n

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
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
	var direct, joins []*node
	needed := slices.Clone(want)
	for _, kid := range kids {
		if len(kid.in) == 1 {
			direct = append(direct, kid)
			continue
		}
		joins = append(joins, kid)
		for _, wr := range kid.wires() {
			if !slices.Contains(needed, wr) {
				needed = append(needed, wr)
			}
		}
	}
	own := im.ownWires(n, needed)
	if len(kids) == 0 && len(own) == 0 {
		return nil
	}
	if routes == nil {
		switch {
		case len(kids) == 0: // it is wanted
			return nil
		case len(kids) == 1 && len(direct) == 1 && len(own) == 0 && direct[0].in[0].port == 0:
			return im.tree(direct[0], sc, want)
		}
		direct = slices.DeleteFunc(direct, func(kid *node) bool {
			if kid.in[0].port != 0 {
				im.todo(kid, "an output that is not known", fmt.Sprintf("output %d of %q", kid.in[0].port+1, n.Name))
			}
			return kid.in[0].port != 0
		})
	} else if steps, ok := im.route(n, sc, routes, direct, joins, own, needed, want); ok {
		return steps
	}
	return im.fork(n, sc, routes, direct, joins, own, needed, want)
}

// ownWires are those of the wires that leave the node itself.
func (im *importer) ownWires(n *node, wires []wire) []wire {
	var own []wire
	for _, wr := range wires {
		if wr.n == n {
			own = append(own, wr)
		}
	}
	return own
}

// drop puts out nothing.
func drop() step { return step{body: mapping{{"transform", "empty"}}} }

// pass changes nothing.
func pass() step { return step{body: mapping{{"transform", "."}}} }

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
	return ok && ok2 && left == left2 && value != value2 && strings.Count(value, `"`) == 1 && strings.Count(value2, `"`) == 1
}

// route writes a filter or a switch, where each item may go its own way.
func (im *importer) route(n *node, sc *scope, routes []string, direct, joins []*node, own, needed, want []wire) ([]step, bool) {
	ports := map[int]bool{}
	for _, kid := range direct {
		ports[kid.in[0].port] = true
	}
	for _, wr := range own {
		ports[wr.port] = true
	}
	if len(ports) == 1 && len(joins) == 0 {
		port := slices.Collect(maps.Keys(ports))[0]
		inner := sc.clone()
		filter := im.enter(n, routes, port, "", nil, inner)
		switch {
		case len(direct) == 0:
			return filter, true
		case len(direct) == 1 && len(own) == 0:
			return append(filter, im.tree(direct[0], inner, want)...), true
		}
		return nil, false
	}
	if len(joins) > 1 || len(joins) == 0 && len(needed) > 1 || len(joins) == 1 && !im.joinsAll(joins[0], needed, want) {
		return nil, false
	}
	for port := range ports {
		at := 0
		for _, kid := range direct {
			if kid.in[0].port == port {
				at++
			}
		}
		for _, wr := range own {
			if wr.port == port {
				at++
			}
		}
		if at > 1 {
			return nil, false
		}
	}
	if !sc.single && slices.ContainsFunc(direct, func(kid *node) bool { return !im.eachItem(kid) }) {
		if count(direct, responds) < 2 {
			return nil, false
		}
		im.check(n, "each item goes through its branch by itself, so that one branch responds; n8n sends all items of a branch together")
	}
	steps := []step{im.switchStep(n, sc, routes, direct, own, needed)}
	sc.single, sc.responded = false, sc.responded || slices.ContainsFunc(direct, responds)
	if len(joins) == 1 {
		j := joins[0]
		if !im.eachItem(j) {
			im.check(j, "several branches lead to it: here it runs once, with the items of all; n8n runs it for each branch")
		}
		sc.wires = nil
		return append(steps, im.tree(j, sc, want)...), true
	}
	return steps, true
}

// joinsAll reports whether a node takes, at one input, all wires that are needed.
func (im *importer) joinsAll(j *node, needed, want []wire) bool {
	if multiInput(j) {
		return false
	}
	for _, wr := range needed {
		if !slices.Contains(j.wires(), wr) {
			if !j.contains(wr.n) {
				return false
			}
			continue
		}
		if slices.Contains(want, wr) {
			return false
		}
	}
	return true
}

// switchStep writes the branches of a switch.
func (im *importer) switchStep(n *node, sc *scope, routes []string, direct []*node, own, needed []wire) step {
	var branches []any
	var rest []step
	last := len(routes)
	for port, when := range routes {
		var steps []step
		kid := slices.IndexFunc(direct, func(k *node) bool { return k.in[0].port == port })
		isOwn := slices.Contains(own, wire{n, port})
		switch {
		case kid >= 0:
			var wanted []wire
			for _, wr := range needed {
				if direct[kid].contains(wr.n) {
					wanted = append(wanted, wr)
				}
			}
			steps = append(im.unwrapped(n, port), im.tree(direct[kid], sc.clone(), wanted)...)
			if len(wanted) == 0 && len(needed) > 0 {
				steps = append(steps, drop())
			}
		case isOwn:
			if steps = im.unwrapped(n, port); steps == nil {
				steps = []step{pass()}
			}
		default:
			steps = []step{drop()}
		}
		if when == "" {
			rest = steps
			continue
		}
		if port < last {
			branches = append(branches, mapping{{"when", when}, {"steps", steps}})
		}
	}
	if rest == nil {
		rest = []step{drop()}
	}
	branches = append(branches, mapping{{"else", rest}})
	return step{body: mapping{{"name", n.step}, {"switch", branches}}}
}

// branch is a branch of a parallel step.
type branch struct {
	key   string
	steps []step
	wires map[wire]string // jq, in the object of the branches' lists
}

// fork writes a parallel step, and what joins its branches.
func (im *importer) fork(n *node, sc *scope, routes []string, direct, joins []*node, own, needed, want []wire) []step {
	var steps []step
	object := len(joins) > 0 || len(needed) > 1
	from := ""
	var wrapped []string
	if !sc.single && (object || slices.ContainsFunc(direct, func(kid *node) bool { return !im.eachItem(kid) })) {
		if slices.ContainsFunc(routes, func(r string) bool { return strings.Contains(r, "$steps.") || strings.Contains(r, "$index") }) {
			steps, routes = im.decided(n, routes)
		}
		gathered, kept := im.gatherEach(n, sc)
		steps, from, wrapped = append(steps, gathered...), ".", kept
	}
	if count(direct, responds) > 1 {
		im.check(n, "several branches respond to the caller: the first one does here")
	}
	var branches []branch
	for _, kid := range direct {
		inner := sc.clone()
		sc.responded = sc.responded || responds(kid) // the next one may not
		var wanted []wire
		for _, wr := range needed {
			if kid.contains(wr.n) {
				wanted = append(wanted, wr)
			}
		}
		b := branch{key: kid.step, steps: im.enter(n, routes, kid.in[0].port, from, wrapped, inner), wires: map[wire]string{}}
		b.steps = append(b.steps, im.tree(kid, inner, wanted)...)
		if len(wanted) == 0 && (len(needed) > 0 || object) {
			b.steps = append(b.steps, drop())
		}
		im.deliver(&b, wanted)
		branches = append(branches, b)
	}
	for _, wr := range own {
		inner := sc.clone()
		b := branch{key: im.wireKey(wr), steps: im.enter(n, routes, wr.port, from, wrapped, inner), wires: map[wire]string{}}
		if b.steps == nil {
			b.steps = []step{pass()}
		}
		im.deliver(&b, []wire{wr})
		branches = append(branches, b)
	}
	if !object {
		if len(branches) == 0 {
			return steps
		}
		sc.single = false
		return append(steps, parallel(branches, false))
	}
	steps = append(steps, parallel(branches, true))
	sc.single = true
	sc.wires = map[wire]string{}
	for _, b := range branches {
		maps.Copy(sc.wires, b.wires)
	}
	return append(steps, im.join(sc, joins, want)...)
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

// decided writes where each item goes before all are gathered, because the conditions name earlier items.
func (im *importer) decided(n *node, routes []string) ([]step, []string) {
	program, ends, after := "", "", make([]string, len(routes))
	for port, r := range routes {
		after[port] = fmt.Sprintf(".to == %d", port)
		if before := im.unwrap[wire{n, port}]; before != "" {
			im.unwrap[wire{n, port}] = ".item | " + before
		} else {
			im.unwrap[wire{n, port}] = ".item"
		}
		if r != "" {
			program += fmt.Sprintf("if %s then %d else ", r, port)
			ends += " end"
		}
	}
	rest := "null"
	if last := slices.Index(routes, ""); last >= 0 {
		rest = fmt.Sprint(last)
	}
	return one("{item: ., to: (" + program + rest + ends + ")}"), after
}

// deliver says where the wires of a branch are in the object of its parallel step.
func (im *importer) deliver(b *branch, wanted []wire) {
	if len(wanted) == 1 {
		b.wires[wanted[0]] = "." + b.key
		return
	}
	for _, wr := range wanted {
		b.wires[wr] = "(." + b.key + "[0]." + im.wireKey(wr) + " // [])"
	}
}

func (im *importer) wireKey(wr wire) string {
	if wr.port == 0 {
		return wr.n.step
	}
	return fmt.Sprintf("%s_%d", wr.n.step, wr.port+1)
}

// enter writes how items come into a branch: all of them, those of a list, or those of a list with what is kept of earlier nodes.
func (im *importer) enter(n *node, routes []string, port int, list string, kept []string, sc *scope) []step {
	cond := ""
	if routes != nil {
		cond = routeCond(routes, port)
	}
	switch {
	case list == "" && cond == "":
		return nil
	case list == "":
		return append([]step{{body: mapping{{"filter", cond}}}}, im.unwrapped(n, port)...)
	}
	sc.single = false
	program := list + "[]"
	if len(kept) == 0 {
		if cond != "" {
			program += " | select(" + cond + ")"
		}
		return append([]step{{body: mapping{{"split", program}}}}, im.unwrapped(n, port)...)
	}
	if cond != "" {
		program += " | select(.item | " + cond + ")"
	}
	im.gathered++
	name := fmt.Sprintf("from_%d", im.gathered)
	for _, other := range kept {
		sc.visible[other] = "$steps." + name + ".kept." + im.w.byName[other].step
	}
	item := ".item"
	if unwrap := im.unwrap[wire{n, port}]; unwrap != "" {
		item += " | " + unwrap
	}
	return append([]step{{body: mapping{{"name", name}, {"split", program}}}}, one(item)...)
}

// unwrapped writes what makes the item of an output of what was routed to it.
func (im *importer) unwrapped(n *node, port int) []step {
	if program := im.unwrap[wire{n, port}]; program != "" {
		return one(program)
	}
	return nil
}

// maxBranches is the most that a parallel step has.
const maxBranches = 16

// parallel writes the branches. A single one, which a parallel step may not have, is that of a switch.
func parallel(branches []branch, object bool) step {
	switch {
	case len(branches) == 1 && object:
		branches = append(branches, branch{key: "none", steps: []step{drop()}})
	case len(branches) == 1:
		return step{body: mapping{{"switch", []any{mapping{{"else", branches[0].steps}}}}}}
	}
	if len(branches) > maxBranches { // in groups
		var groups []branch
		for i := 0; i < len(branches); i += maxBranches {
			inner := parallel(branches[i:min(i+maxBranches, len(branches))], object)
			groups = append(groups, branch{key: fmt.Sprintf("part_%d", len(groups)+1), steps: []step{inner}})
		}
		if object {
			for i := range groups {
				prefix := "." + groups[i].key + "[0]"
				for _, b := range branches[i*maxBranches : min((i+1)*maxBranches, len(branches))] {
					for wr, path := range b.wires {
						b.wires[wr] = strings.Replace(path, ".", prefix+".", 1)
					}
				}
			}
		}
		return parallel(groups, object)
	}
	var list []any
	for _, b := range branches {
		list = append(list, mapping{{"branch", b.key}, {"steps", b.steps}})
	}
	body := mapping{{"parallel", list}}
	if object {
		body = append(body, pair{"results", "object"})
	}
	return step{body: body}
}

// join writes nodes that take items of several others. The item is an object of lists.
func (im *importer) join(sc *scope, joins []*node, want []wire) []step {
	var steps []step
	for len(joins) > 0 {
		var ready, later []*node
		for _, j := range joins {
			if slices.ContainsFunc(j.wires(), func(wr wire) bool { return sc.wires[wr] == "" }) {
				later = append(later, j)
			} else {
				ready = append(ready, j)
			}
		}
		if len(ready) == 0 { // of nodes that could not be taken over
			for _, j := range joins {
				im.todo(j, "its input is not there", "the nodes before it could not be taken over")
			}
			break
		}
		inside := func(n *node) bool {
			return slices.ContainsFunc(ready, func(j *node) bool { return j.contains(n) })
		}
		outside := slices.ContainsFunc(want, func(wr wire) bool { return !inside(wr.n) })
		if len(ready) == 1 && len(later) == 0 && !outside {
			return append(steps, im.tree(ready[0], sc, want)...)
		}
		needed := slices.Clone(want)
		for _, j := range later {
			needed = append(needed, j.wires()...)
		}
		slices.SortFunc(needed, func(a, b wire) int { return cmp.Or(a.n.at-b.n.at, a.port-b.port) })
		needed = slices.Compact(needed)
		var branches []branch
		carried := map[wire]string{}
		for _, wr := range needed {
			if path := sc.wires[wr]; path != "" {
				carried[wr] = strings.Replace(path, ".", ".carried[0].", 1)
			}
		}
		for _, j := range ready {
			var wanted []wire
			for _, wr := range needed {
				if j.contains(wr.n) {
					wanted = append(wanted, wr)
				}
			}
			b := branch{key: j.step, steps: im.tree(j, sc.clone(), wanted), wires: map[wire]string{}}
			if len(needed) > 0 && len(wanted) == 0 {
				b.steps = append(b.steps, drop())
			}
			im.deliver(&b, wanted)
			branches = append(branches, b)
		}
		if len(needed) == 0 {
			sc.single = false
			return append(steps, parallel(branches, false))
		}
		if len(carried) > 0 {
			branches = append(branches, branch{key: "carried", steps: []step{pass()}, wires: carried})
		}
		steps = append(steps, parallel(branches, true))
		sc.wires = map[wire]string{}
		for _, b := range branches {
			maps.Copy(sc.wires, b.wires)
		}
		joins = later
	}
	switch {
	case len(want) == 1:
		steps = append(steps, step{body: mapping{{"split", cmp.Or(sc.wires[want[0]], "empty") + "[]"}}})
		sc.single = false
	case len(want) > 1:
		parts := make([]string, len(want))
		for i, wr := range want {
			parts[i] = im.wireKey(wr) + ": " + cmp.Or(sc.wires[wr], "[]")
		}
		steps = append(steps, step{body: mapping{{"transform", "{" + strings.Join(parts, ", ") + "}"}}})
	}
	return steps
}

// loop writes a loop over batches: its steps, then what follows.
func (im *importer) loop(n *node, sc *scope, want []wire) []step {
	var body, after []*node
	for _, kid := range n.kids {
		ports := map[int]bool{}
		for _, e := range kid.in {
			if e.from == n {
				ports[e.port] = true
			}
		}
		if ports[n.loop.done] {
			after = append(after, kid)
		} else {
			body = append(body, kid)
		}
	}
	back := n.loop.back
	var wanted []wire
	if back.n != nil {
		wanted = []wire{back}
	}
	var steps []step
	each := true
	for _, kid := range body {
		each = each && im.eachItem(kid) && !mentions(kid, "$runIndex")
	}
	inner := sc.clone()
	inner.single = false
	for _, wr := range want {
		if wr.n != n && slices.ContainsFunc(body, func(kid *node) bool { return kid.contains(wr.n) }) {
			im.todo(n, "a loop whose items are used elsewhere", fmt.Sprintf("what %q puts out in the loop is used outside of it", wr.n.Name))
		}
	}
	if back.n == nil && len(body) > 0 {
		im.check(n, "nothing leads back to the loop: n8n takes the first batch only, here all items are taken")
	}
	if each || sc.single {
		steps = im.rest(n, inner, nil, im.onPort0(body), wanted)
	} else {
		pre, size := im.batches(n, sc)
		inner = sc.clone()
		inner.single = false
		inner.visible = maps.Clone(sc.visible)
		inner.single = size == "1"
		inner.index = "$steps." + n.step + "_batch.run"
		loopBody := append([]step{{body: mapping{{"split", ".items[]"}}}}, im.rest(n, inner, nil, im.onPort0(body), wanted)...)
		steps = append(pre, step{body: mapping{{"name", n.step}, {"switch", []any{mapping{{"else", loopBody}}}}}})
	}
	if len(after) == 0 {
		return steps
	}
	if back.n == nil && len(body) > 0 {
		steps = append(steps, drop())
	}
	sc.single = false
	sc.visible = maps.Clone(sc.visible)
	for _, kid := range after {
		for i := range kid.in {
			kid.in[i].port = 0
		}
	}
	return append(steps, im.rest(n, sc, nil, after, want)...)
}

// onPort0 makes the nodes of a loop those of the only port.
func (im *importer) onPort0(kids []*node) []*node {
	for _, kid := range kids {
		for i := range kid.in {
			if kid.in[i].from == kid.dom {
				kid.in[i].port = 0
			}
		}
	}
	return kids
}

// batches makes lists of so many items, and returns how many.
func (im *importer) batches(n *node, sc *scope) (steps []step, size string) {
	size = n.Params.word(map[bool]string{true: "1", false: "10"}[n.Version >= 3], "batchSize")
	if asNumber(size) == nil || strings.ContainsAny(size, ".-eE") || size == "0" {
		im.todo(n, "a batch size that is computed", size)
		size = "1"
	}
	steps, list := im.gather(n, sc)
	sc.single = false
	program := fmt.Sprintf("%s as $all | range(0; $all | length; %[2]s) as $i | {run: ($i / %[2]s), items: $all[$i:$i + %[2]s]}", list, size)
	return append(steps, step{body: mapping{{"name", n.step + "_batch"}, {"split", program}}}), size
}

// gatherEach makes one list of all items, each with the items of earlier nodes that it was made from and that are used later: an
// object of item and kept. Without such nodes the list has the items themselves.
func (im *importer) gatherEach(n *node, sc *scope) (steps []step, names []string) {
	collect := step{body: mapping{{"collect", "select(length > 0)"}}}
	kept := map[string]string{}
	var parts []string
	im.gathered++
	name := fmt.Sprintf("items_%d", im.gathered)
	for _, other := range slices.Sorted(maps.Keys(sc.visible)) {
		switch code := sc.visible[other]; {
		case fixed(code):
			kept[other] = code
		case im.usedLater(n, other):
			at := im.w.byName[other]
			names, parts = append(names, other), append(parts, at.step+": "+code)
			if im.singles[at] {
				kept[other] = "$steps." + name + "[0].kept." + at.step
			}
		}
	}
	sc.visible, sc.single = kept, true
	if strings.Contains(sc.index, "$steps.") {
		sc.index = lostIndex
	}
	if len(names) == 0 {
		return []step{collect}, nil
	}
	collect.body = append(mapping{{"name", name}}, collect.body...)
	return append(one("{item: ., kept: {"+strings.Join(parts, ", ")+"}}"), collect), names
}

// lostIndex is the $runIndex of a loop where it is not known any more.
const lostIndex = "error"

// gather makes one list of all items, and keeps the items of earlier nodes that are used later. list is the jq of the list.
func (im *importer) gather(n *node, sc *scope) (steps []step, list string) {
	im.gathered++
	name := fmt.Sprintf("items_%d", im.gathered)
	var names []string
	for other, code := range sc.visible {
		if im.singles[im.w.byName[other]] && !fixed(code) && im.usedLater(n, other) {
			names = append(names, other)
		}
	}
	slices.Sort(names)
	kept := map[string]string{}
	for other, code := range sc.visible {
		if fixed(code) {
			kept[other] = code
		}
	}
	sc.single = true
	if strings.Contains(sc.index, "$steps.") {
		sc.index = lostIndex
	}
	if len(names) == 0 {
		sc.visible = kept
		return []step{{body: mapping{{"collect", "select(length > 0)"}}}}, "."
	}
	parts := make([]string, len(names))
	for i, other := range names {
		step := im.w.byName[other].step
		parts[i] = step + ": " + sc.visible[other]
		kept[other] = "$steps." + name + ".kept." + step
	}
	sc.visible = kept
	return []step{
		{body: mapping{{"transform", "{item: ., kept: {" + strings.Join(parts, ", ") + "}}"}}},
		{body: mapping{{"name", name}, {"collect", "select(length > 0) | {items: map(.item), kept: .[0].kept}"}}},
	}, ".items"
}

// fixed reports whether a program is about the event, which is always known.
func fixed(code string) bool { return !strings.Contains(code, "$steps.") }

// usedLater reports whether a node that may follow n names another one.
func (im *importer) usedLater(n *node, name string) bool {
	return slices.ContainsFunc(im.order, func(later *node) bool { return later.at >= n.at && refers(later, name) })
}
