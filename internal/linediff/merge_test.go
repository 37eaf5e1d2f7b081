package linediff

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestMerge(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ base, mine, theirs, want string }{
		"nothing changes":         {"a b c", "a b c", "a b c", "a b c"},
		"one side":                {"a b c", "a B c", "a b c", "a B c"},
		"the other":               {"a b c", "a b c", "a b c d", "a b c d"},
		"far from each other":     {"a b c d e", "A b c d e", "a b c d E", "A b c d E"},
		"alike":                   {"a b c", "a B c", "a B c", "a B c"},
		"the same line":           {"a b c", "a B c", "a X c", "a <<<<<<<·mine B ======= X >>>>>>>·theirs c"},
		"neighbouring lines":      {"a b c d", "a B c d", "a b C d", "a <<<<<<<·mine B c ======= b C >>>>>>>·theirs d"},
		"one deletes":             {"a b c", "a c", "a X c", "a <<<<<<<·mine ======= X >>>>>>>·theirs c"},
		"both insert":             {"a c", "a x c", "a y c", "a <<<<<<<·mine x ======= y >>>>>>>·theirs c"},
		"two edits against a big": {"a b c d e", "A b c d E", "X", "<<<<<<<·mine A b c d E ======= X >>>>>>>·theirs"},
		"from nothing":            {"", "a", "b", "<<<<<<<·mine a ======= b >>>>>>>·theirs"},
	} {
		lines, _ := Text(Merge(strings.Fields(tc.base), strings.Fields(tc.mine), strings.Fields(tc.theirs)), "mine", "theirs")
		if diff := cmp.Diff(strings.Fields(tc.want), replaceSpaces(lines)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func replaceSpaces(lines []string) []string {
	all := []string{}
	for _, l := range lines {
		all = append(all, strings.ReplaceAll(l, " ", "·"))
	}
	return all
}

// A side that changes nothing leaves the other as it is, and each text can be read from the merge of any three.
func TestMergeOfAnyTexts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 0, 60)
		base, mine, theirs := text.Draw(t, "base"), text.Draw(t, "mine"), text.Draw(t, "theirs")
		for name, got := range map[string][]Part{"mine": Merge(base, mine, base), "theirs": Merge(base, base, mine), "both": Merge(base, mine, mine)} {
			if lines, conflicts := Text(got, "", ""); conflicts != 0 || !slices.Equal(lines, mine) {
				t.Fatalf("%s: %q with %d conflicts, want %q", name, lines, conflicts, mine)
			}
		}
		var conflicts int
		for _, p := range Merge(base, mine, theirs) {
			if p.Conflict == nil {
				continue
			}
			conflicts++
			if slices.Equal(p.Conflict.Mine, p.Conflict.Theirs) {
				t.Fatalf("a conflict of equal sides: %q", p.Conflict)
			}
		}
		_, swapped := Text(Merge(base, theirs, mine), "", "")
		if swapped != conflicts {
			t.Fatalf("%d conflicts, %d when the sides are swapped", conflicts, swapped)
		}
	})
}
