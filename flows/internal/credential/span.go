package credential

import (
	"slices"
	"strings"
)

// span is the place of a credential in a text.
type span struct {
	from, to int
	name     string
}

// spans returns the credentials of a text in their order. They may overlap.
func spans(s string) []span {
	var all []span
	add := func(from, to int, name string) {
		if from >= 0 && strings.TrimSpace(s[from:to]) != "" && (name == "" || Name(name)) {
			all = append(all, span{from, to, name})
		}
	}
	for _, m := range element.FindAllStringSubmatchIndex(s, -1) {
		add(m[8], m[9], s[m[4]:m[5]])
	}
	for _, m := range field.FindAllStringSubmatchIndex(s, -1) {
		for i := 4; i <= 8; i += 2 {
			add(m[i], m[i+1], s[m[2]:m[3]])
		}
	}
	for _, m := range words.FindAllStringIndex(s, -1) {
		if overlaps := func(o span) bool { return o.from < m[1] && m[0] < o.to }; Value(s[m[0]:m[1]]) && !slices.ContainsFunc(all, overlaps) {
			all = append(all, span{m[0], m[1], ""})
		}
	}
	slices.SortStableFunc(all, func(a, b span) int { return a.from - b.from })
	return all
}
