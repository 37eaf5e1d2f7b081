package flows_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
)

func TestLabels(t *testing.T) {
	t.Parallel()
	flow, err := flows.Parse("f.yaml", []byte(`
flow: 1
keep: {succeeded: 7d, failed: 90d, payloads: 3d}
labels:
  order: ${ .order.number }
  customer: "${ .first } ${ .last }"
  none: ${ .none // "" }
  broken: ${ .first.last }
  long: ${ "ä" * 300 }
  fixed: crm
steps: [{set: {a: 1}}]
`), catalogue())
	if err != nil {
		t.Fatal(err)
	}
	event := map[string]any{"order": map[string]any{"number": 17}, "first": "Zoë", "last": "Hill"}
	got := flow.Labels(t.Context(), flows.Run{Event: event})
	want := map[string]string{"order": "17", "customer": "Zoë Hill", "long": strings.Repeat("ä", 200), "fixed": "crm"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("labels %v, want %v", got, want)
	}
	if want := (flows.Keep{Succeeded: 7 * 24 * time.Hour, Failed: 90 * 24 * time.Hour, Payloads: 3 * 24 * time.Hour}); flow.Keep != want {
		t.Errorf("keep %+v", flow.Keep)
	}
}

func TestMistakesOfLabelsAndKeep(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	for i := range 11 {
		fmt.Fprintf(&many, "l%d: x, ", i)
	}
	for text, want := range map[string]string{
		"labels: {Order: x}":                                        "no name of a label",
		"labels: {" + strings.Repeat("a", 33) + ": x}":              "no name of a label",
		"labels: {" + strings.TrimSuffix(many.String(), ", ") + "}": "at most 10",
		"labels: x":          "expected a mapping",
		"keep: {failed: 1s}": "expected at least 1m",
		"keep: {runs: 1d}":   "runs",
	} {
		_, err := flows.Parse("f.yaml", []byte("flow: 1\n"+text+"\nsteps: [{set: {a: 1}}]\n"), catalogue())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
