package flows_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

// mistaken returns steps of two lines with a mistake in each. The position of a mistake is that of its mark, which is
// not part of the step.
var mistaken = []string{
	"  - @nmae: first\n    set: @first",
	"  - transform: .a +@\n    if: @$nope",
	"  - filter: @$steps.later\n    timeout: @5",
	"  - delay: @soon\n    retry: {@attemps: 3}",
	"  - set: {a: \"@${ .x \"}\n    name: @9bad",
	"  - @spilt: .a[]\n    on_error: @ignore",
	"  - log: {level: @loud, message: hi}\n    concurrency: @100",
	"  - http: {get: http://h, @heders: {}}\n    effect: @twice",
}

// A file with a mistake in every line is reported in one pass.
func TestAThousandMistakes(t *testing.T) {
	t.Parallel()
	source := []string{"flow: 1", "steps:"}
	var want []string
	for n := 0; len(source) < 1000; n++ {
		for line := range strings.SplitSeq(mistaken[n%len(mistaken)], "\n") {
			column := strings.Index(line, "@") + 1
			line = strings.Replace(line, "@", "", 1)
			source = append(source, line)
			want = append(want, fmt.Sprintf("%d:%d | %s", len(source), column, line))
		}
	}
	_, err := flows.Parse("broken.yaml", []byte(strings.Join(source, "\n")), catalogue())
	var problems problem.List
	if !errors.As(err, &problems) {
		t.Fatal(err)
	}
	var got []string
	for _, p := range problems {
		got = append(got, fmt.Sprintf("%d:%d | %s", p.Line, p.Column, p.Snippet))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%d mistakes, want %d (-want +got)\n%s", len(got), len(want), diff)
	}
}

// A file with five mistakes in every line, five thousand in all, is reported in one pass.
func TestFiveThousandMistakes(t *testing.T) {
	t.Parallel()
	const lines, each = 1000, 5
	source := "flow: 1\nsteps:\n" + strings.Repeat("  - {spilt: x, nmae: y, set: {}, timeout: soon, on_error: ignore, if: '$nope'}\n", lines-2)
	_, err := flows.Parse("broken.yaml", []byte(source), catalogue())
	var problems problem.List
	if !errors.As(err, &problems) {
		t.Fatal(err)
	}
	inLine := map[int]int{}
	for _, p := range problems {
		inLine[p.Line]++
	}
	for line := 3; line <= lines; line++ {
		if line == 503 {
			inLine[line]-- // the 501st step is one too many
		}
		if inLine[line] != each {
			t.Fatalf("line %d has %d mistakes, want %d: %v", line, inLine[line], each, problems[:10])
		}
	}
	if want := each*(lines-2) + 1; len(problems) != want {
		t.Errorf("%d mistakes, want %d", len(problems), want)
	}
}
