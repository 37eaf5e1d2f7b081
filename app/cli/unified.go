package cli

import (
	"fmt"
	"strings"

	"github.com/penstock/penstock/internal/linediff"
)

const (
	diffAround = 3       // unchanged lines shown around a change
	diffCells  = 4 << 20 // pairs of lines that are compared; beyond, all of them differ
)

// unified shows how two texts differ, as diff -u does; empty: they do not.
func unified(from, to, before, after string) string {
	if before == after {
		return ""
	}
	a, b := lines(before), lines(after)
	var out strings.Builder
	fmt.Fprintf(&out, "--- %s\n+++ %s\n", from, to)
	edits := compare(a, b)
	for i := 0; i < len(edits); {
		if edits[i].sign == ' ' {
			i++
			continue
		}
		first, last := max(0, i-diffAround), i
		for end := i; end < len(edits) && end <= last+2*diffAround; end++ { // changes close by share a hunk
			if edits[end].sign != ' ' {
				last = end
			}
		}
		end := min(len(edits), last+1+diffAround)
		hunk(&out, edits[first:end])
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

// edit is one line of both texts (' '), the first ('-') or the second ('+').
type edit struct {
	sign byte
	text string
	a, b int // lines of the texts before it
}

func hunk(out *strings.Builder, edits []edit) {
	var olds, news int
	for _, e := range edits {
		if e.sign != '+' {
			olds++
		}
		if e.sign != '-' {
			news++
		}
	}
	fmt.Fprintf(out, "@@ -%s +%s @@\n", span(edits[0].a, olds), span(edits[0].b, news))
	for _, e := range edits {
		out.WriteByte(e.sign)
		out.WriteString(strings.TrimSuffix(e.text, "\n") + "\n")
		if !strings.HasSuffix(e.text, "\n") {
			out.WriteString("\\ No newline at end of file\n")
		}
	}
}

// span is a range of lines as diff writes it.
func span(before, count int) string {
	if count == 0 {
		return fmt.Sprintf("%d,0", before)
	}
	return fmt.Sprintf("%d,%d", before+1, count)
}

// compare lists the lines of both texts, those in common once.
func compare(a, b []string) (edits []edit) {
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
	middle(a[start:len(a)-end], b[start:len(b)-end], put)
	for _, line := range a[len(a)-end:] {
		put(' ', line)
	}
	return edits
}

// middle puts lines whose first and last differ, the longest common ones kept.
func middle(a, b []string, put func(byte, string)) {
	i, j := 0, 0
	if len(a)*len(b) <= diffCells {
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
