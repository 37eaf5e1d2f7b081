package n8n

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

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
