package credential

import (
	"slices"
	"sort"
	"strings"
)

// span is the place of a credential in a text.
type span struct {
	from, to int
	name     string
}

// spans returns the credentials of a text in their order. They do not overlap.
func spans(s string) []span {
	var named []span
	add := func(from, to int, name string) {
		if from >= 0 && Name(name) && strings.TrimSpace(s[from:to]) != "" {
			named = append(named, span{from, to, name})
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
	named = apart(named)
	all := slices.Clone(named)
	for _, m := range words.FindAllStringIndex(s, -1) {
		after := sort.Search(len(named), func(i int) bool { return named[i].to > m[0] })
		if (after == len(named) || named[after].from >= m[1]) && Value(s[m[0]:m[1]]) {
			all = append(all, span{m[0], m[1], ""})
		}
	}
	return apart(all)
}

// apart sorts spans and drops those that overlap an earlier one.
func apart(all []span) []span {
	slices.SortStableFunc(all, func(a, b span) int { return a.from - b.from })
	end := 0
	return slices.DeleteFunc(all, func(one span) bool {
		if one.from < end {
			return true
		}
		end = one.to
		return false
	})
}
