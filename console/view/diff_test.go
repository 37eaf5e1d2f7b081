package view

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	before := "a\nb\nc\nd\ne\nf\ng\nh\ni"
	after := "a\nb\nc\nd\nE\nf\ng\nh\ni\nj"
	got := DiffTexts(before, after)
	want := []DiffLine{
		{Gap: true},
		{Before: 2, After: 2, Text: "b"}, {Before: 3, After: 3, Text: "c"}, {Before: 4, After: 4, Text: "d"},
		{Before: 5, Text: "e"}, {After: 5, Text: "E"},
		{Before: 6, After: 6, Text: "f"}, {Before: 7, After: 7, Text: "g"}, {Before: 8, After: 8, Text: "h"}, {Before: 9, After: 9, Text: "i"},
		{After: 10, Text: "j"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]DiffLine{{Before: 1, Text: "a"}, {Before: 2, Text: "b"}}, diffLines("a\nb", "")); diff != "" {
		t.Errorf("lines against nothing (-want +got):\n%s", diff)
	}
	if got := diffLines("x", "x"); got != nil {
		t.Errorf("equal texts differ: %v", got)
	}
}
