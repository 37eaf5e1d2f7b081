package n8n

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// branch is a branch of a parallel step.
type branch struct {
	key   string
	steps []step
	wires map[wire]string // jq, in the object of the branches' lists
}

// fork writes a parallel step, and what joins its branches.
func (f *fan) fork() []step {
	var steps []step
	object := len(f.joins) > 0 || len(f.needed) > 1
	if !f.sc.single && (object || slices.ContainsFunc(f.direct, func(kid *node) bool { return !f.eachItem(kid) })) {
		if slices.ContainsFunc(f.routes, func(r string) bool { return strings.Contains(r, "$steps.") || strings.Contains(r, "$index") }) {
			steps = f.decided()
		}
		gathered, kept := f.gatherEach(f.n, f.sc)
		steps, f.gathers, f.kept = append(steps, gathered...), true, kept
	}
	if count(f.direct, responds) > 1 {
		f.check(f.n, "several branches respond to the caller: the first one does here")
	}
	var branches []branch
	for _, kid := range f.direct {
		inner := f.sc.clone()
		f.sc.responded = f.sc.responded || responds(kid) // the next one may not
		wanted := within(kid, f.needed)
		b := branch{key: kid.step, steps: f.enter(kid.in[0].port, inner), wires: map[wire]string{}}
		b.steps = append(b.steps, f.tree(kid, inner, wanted)...)
		if len(wanted) == 0 && (len(f.needed) > 0 || object) {
			b.steps = append(b.steps, drop())
		}
		f.deliver(&b, wanted)
		branches = append(branches, b)
	}
	for _, wr := range f.own {
		inner := f.sc.clone()
		b := branch{key: f.wireKey(wr), steps: f.enter(wr.port, inner), wires: map[wire]string{}}
		if b.steps == nil {
			b.steps = []step{pass()}
		}
		f.deliver(&b, []wire{wr})
		branches = append(branches, b)
	}
	if !object {
		if len(branches) == 0 {
			return steps
		}
		f.sc.single = false
		return append(steps, parallel(branches, false))
	}
	steps = append(steps, parallel(branches, true))
	f.sc.single = true
	f.sc.wires = map[wire]string{}
	for _, b := range branches {
		maps.Copy(f.sc.wires, b.wires)
	}
	return append(steps, f.join(f.sc, f.joins, f.want)...)
}

// decided writes where each item goes before all are gathered, because the conditions name earlier items.
func (f *fan) decided() []step {
	program, ends, after := "", "", make([]string, len(f.routes))
	for port, r := range f.routes {
		after[port] = fmt.Sprintf(".to == %d", port)
		if before := f.unwrap[wire{f.n, port}]; before != "" {
			f.unwrap[wire{f.n, port}] = ".item | " + before
		} else {
			f.unwrap[wire{f.n, port}] = ".item"
		}
		if r != "" {
			program += fmt.Sprintf("if %s then %d else ", r, port)
			ends += " end"
		}
	}
	rest := "null"
	if last := slices.Index(f.routes, ""); last >= 0 {
		rest = fmt.Sprint(last)
	}
	f.routes = after
	return one("{item: ., to: (" + program + rest + ends + ")}")
}

// enter writes how items come into a branch.
func (f *fan) enter(port int, sc *scope) []step {
	cond := ""
	if f.routes != nil {
		cond = routeCond(f.routes, port)
	}
	switch {
	case !f.gathers && cond == "":
		return nil
	case !f.gathers:
		return append([]step{{body: mapping{{"filter", cond}}}}, f.unwrapped(f.n, port)...)
	}
	sc.single = false
	if len(f.kept) == 0 {
		program := ".[]"
		if cond != "" {
			program += " | select(" + cond + ")"
		}
		return append([]step{{body: mapping{{"split", program}}}}, f.unwrapped(f.n, port)...)
	}
	program := ".[]"
	if cond != "" {
		program += " | select(.item | " + cond + ")"
	}
	f.gathered++
	name := fmt.Sprintf("from_%d", f.gathered)
	for _, other := range f.kept {
		sc.visible[other] = "$steps." + name + ".kept." + f.w.byName[other].step
	}
	item := ".item"
	if unwrap := f.unwrap[wire{f.n, port}]; unwrap != "" {
		item += " | " + unwrap
	}
	return append([]step{{body: mapping{{"name", name}, {"split", program}}}}, one(item)...)
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

// within returns the wires that leave a node, or what it dominates.
func within(n *node, wires []wire) []wire {
	var inside []wire
	for _, wr := range wires {
		if n.contains(wr.n) {
			inside = append(inside, wr)
		}
	}
	return inside
}

func (im *importer) wireKey(wr wire) string {
	if wr.port == 0 {
		return wr.n.step
	}
	return fmt.Sprintf("%s_%d", wr.n.step, wr.port+1)
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
			wanted := within(j, needed)
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
