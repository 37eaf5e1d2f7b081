// Package suggest words hints for mistyped names.
package suggest

import (
	"slices"
	"strings"
)

// DidYouMean returns a hint with the most similar known word; when none is similar, it lists the known words if they
// are few.
func DidYouMean(word string, known []string) string {
	best, distance := "", max(1, len(word)/3)+1
	for _, k := range known {
		if d := Distance(strings.ToLower(word), strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	return OneOf(known)
}

// Meant returns the word that a hint of DidYouMean suggests; false: it is another hint.
func Meant(hint string) (word string, found bool) {
	word, found = strings.CutPrefix(hint, "did you mean ")
	if !found || !strings.HasSuffix(word, "?") || strings.Contains(word, " ") {
		return "", false
	}
	return strings.TrimSuffix(word, "?"), true
}

// OneOf returns a hint that lists the allowed words; empty for more than 40.
func OneOf(known []string) string {
	switch {
	case len(known) == 0:
		return ""
	case len(known) == 1:
		return "expected " + known[0]
	case len(known) > 40:
		return ""
	}
	sorted := slices.Sorted(slices.Values(known))
	return "expected one of " + strings.Join(sorted, ", ")
}

// Distance counts insertions, deletions, substitutions and transpositions between two short words. It returns 64
// for words of more than 64 bytes.
func Distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
