package cli

import (
	"fmt"
	"strings"

	"github.com/penstock/penstock/internal/linediff"
)

const (
	diffContext  = 3       // unchanged lines shown around a change
	maxDiffCells = 4 << 20 // maximum number of compared pairs of lines; beyond it, all lines count as changed
)

// unifiedDiff compares two texts in the format of diff -u; empty when they are equal.
func unifiedDiff(from, to, before, after string) string {
	if before == after {
		return ""
	}
	a, b := lines(before), lines(after)
	var out strings.Builder
	fmt.Fprintf(&out, "--- %s\n+++ %s\n", from, to)
	edits := diffEdits(a, b)
	for i := 0; i < len(edits); {
		if edits[i].sign == ' ' {
			i++
			continue
		}
		first, last := max(0, i-diffContext), i
		for end := i; end < len(edits) && end <= last+2*diffContext; end++ { // changes close by share a hunk
			if edits[end].sign != ' ' {
				last = end
			}
		}
		end := min(len(edits), last+1+diffContext)
		writeHunk(&out, edits[first:end])
		i = end
	}
	return out.String()
}

func lines(text string) []string {
	all := strings.SplitAfter(text, "\n")
	if all[len(all)-1] == "" {
		all = all[:len(all)-1]
	}
	return all
}

// edit is one line of both texts (' '), of the first ('-') or of the second ('+').
type edit struct {
	sign byte
	text string
	a, b int // number of lines before it in each text
}

func writeHunk(out *strings.Builder, edits []edit) {
	var olds, news int
	for _, e := range edits {
		if e.sign != '+' {
			olds++
		}
		if e.sign != '-' {
			news++
		}
	}
	fmt.Fprintf(out, "@@ -%s +%s @@\n", lineRange(edits[0].a, olds), lineRange(edits[0].b, news))
	for _, e := range edits {
		out.WriteByte(e.sign)
		out.WriteString(strings.TrimSuffix(e.text, "\n") + "\n")
		if !strings.HasSuffix(e.text, "\n") {
			out.WriteString("\\ No newline at end of file\n")
		}
	}
}

// lineRange formats a range of lines as diff does.
func lineRange(before, count int) string {
	if count == 0 {
		return fmt.Sprintf("%d,0", before)
	}
	return fmt.Sprintf("%d,%d", before+1, count)
}

// diffEdits returns the lines of both texts, common ones once.
func diffEdits(a, b []string) (edits []edit) {
	start := 0
	for start < len(a) && start < len(b) && a[start] == b[start] {
		start++
	}
	end := 0
	for end < len(a)-start && end < len(b)-start && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	i, j := 0, 0
	put := func(sign byte, text string) {
		edits = append(edits, edit{sign, text, i, j})
		if sign != '+' {
			i++
		}
		if sign != '-' {
			j++
		}
	}
	for _, line := range a[:start] {
		put(' ', line)
	}
	diffMiddle(a[start:len(a)-end], b[start:len(b)-end], put)
	for _, line := range a[len(a)-end:] {
		put(' ', line)
	}
	return edits
}

// diffMiddle compares lines whose first and last ones differ, by their longest common subsequence.
func diffMiddle(a, b []string, put func(byte, string)) {
	i, j := 0, 0
	if len(a)*len(b) <= maxDiffCells {
		common := linediff.Common(a, b)
		for i < len(a) && j < len(b) {
			switch {
			case a[i] == b[j]:
				put(' ', a[i])
				i, j = i+1, j+1
			case common[i+1][j] >= common[i][j+1]:
				put('-', a[i])
				i++
			default:
				put('+', b[j])
				j++
			}
		}
	}
	for _, line := range a[i:] {
		put('-', line)
	}
	for _, line := range b[j:] {
		put('+', line)
	}
}
