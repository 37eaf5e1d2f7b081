package n8n

import (
	"fmt"
	"slices"
	"strings"
)

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
	return append(steps, im.rest(n, sc, nil, im.onPort0(after), want)...)
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
