package view

import (
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/internal/deliveries"
	"github.com/penstock/penstock/internal/sender"
)

// Of a rejected proof the checks before the one that failed have passed, and those after it were not made.
func TestChecksOfAProof(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ scheme, word, want string }{
		{"stripe", "header", "failed skipped skipped skipped"},
		{"stripe", "format", "passed failed skipped skipped"},
		{"stripe", "secret", "passed passed failed skipped"},
		{"stripe", "tolerance", "passed passed passed failed"},
		{"github", "signed", "passed passed failed"},
		{"standard-webhooks", "tolerance", "passed passed passed failed"},
		{"github", "a word of a newer version", ""},
	} {
		s, err := sender.Compile(&sender.Spec{Scheme: c.scheme})
		if err != nil {
			t.Fatal(err)
		}
		d := deliveries.Delivery{Verdict: deliveries.Rejected, Findings: []deliveries.Finding{{Word: c.word, Text: "x"}}}
		var states []string
		for _, check := range checksOf(t.Context(), &d, s) {
			states = append(states, check.State)
		}
		if got := strings.Join(states, " "); got != c.want {
			t.Errorf("%s, %s: %q, want %q", c.scheme, c.word, got, c.want)
		}
	}
	if all := checksOf(t.Context(), &deliveries.Delivery{Verdict: deliveries.Accepted}, nil); all != nil {
		t.Errorf("an accepted delivery: %v", all)
	}
}

// Each delivery is of one filter, besides that of all.
func TestFiltersOfDeliveries(t *testing.T) {
	t.Parallel()
	for want, a := range map[string]Arrival{
		filterAccepted: {Delivery: deliveries.Delivery{Verdict: deliveries.Accepted}, Outcome: Outcome{State: "failed"}},
		filterRejected: {Delivery: deliveries.Delivery{Verdict: deliveries.Rejected, Code: "unauthorized"}},
		"ignored 1":    {Delivery: deliveries.Delivery{Verdict: deliveries.Accepted, Repeated: true}},
		"ignored 2":    {Delivery: deliveries.Delivery{Verdict: deliveries.Accepted}, Outcome: Outcome{State: "succeeded", Dropped: "filter"}},
		"ignored 3":    {Delivery: deliveries.Delivery{Verdict: deliveries.Answered}},
		"ignored 4":    {Delivery: deliveries.Delivery{Verdict: deliveries.Rejected, Code: codeHoneypot}},
	} {
		want, _, _ = strings.Cut(want, " ")
		got := slices.DeleteFunc(DeliveryFilters(), func(f string) bool { return !a.Is(f) })
		if len(got) != 1 || got[0] != want || !a.Is("") {
			t.Errorf("%+v is %v, want %s", a, got, want)
		}
	}
}

// The text of the catalogue is shown with its marks, whatever is in it.
func TestSpans(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Enter *URL* and `a*b`.": "Enter |em:URL| and |code:a*b|.",
		"no end of *it":          "no end of *it",
		"two\n  lines":           "two lines",
		"":                       "",
	} {
		var got []string
		for _, s := range spans(text) {
			if s.Kind != "" {
				s.Text = s.Kind + ":" + s.Text
			}
			got = append(got, s.Text)
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%q: %q, want %q", text, strings.Join(got, "|"), want)
		}
	}
}
