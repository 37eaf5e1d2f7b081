package linediff

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestCompare(t *testing.T) {
	t.Parallel()
	got := Compare([]string{"x", "a", "b", "c"}, []string{"a", "c", "d", "x"})
	want := []Line{{"x", 1, 0}, {"a", 2, 1}, {"b", 3, 0}, {"c", 4, 2}, {"d", 0, 3}, {"x", 0, 4}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := Compare(nil, nil); len(got) != 0 {
		t.Errorf("nothing differs in %v", got)
	}
}

// Both texts can be read from the comparison, and a line that is in both has the same text.
func TestCompareHasAllLines(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 300)
		before, after := text.Draw(t, "before"), text.Draw(t, "after")
		var i, j int
		for _, l := range Compare(before, after) {
			if l.Before == 0 && l.After == 0 {
				t.Fatalf("%q is in neither text", l.Text)
			}
			if l.Before != 0 {
				if i++; l.Before != i || before[i-1] != l.Text {
					t.Fatalf("line %d of the first text is %v", i, l)
				}
			}
			if l.After != 0 {
				if j++; l.After != j || after[j-1] != l.Text {
					t.Fatalf("line %d of the second text is %v", j, l)
				}
			}
		}
		if i != len(before) || j != len(after) {
			t.Fatalf("%d of %d and %d of %d lines", i, len(before), j, len(after))
		}
	})
}
