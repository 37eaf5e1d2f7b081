package workbench

import (
	"slices"
	"testing"

	"github.com/penstock/penstock/flows"
)

// The events that a flow looks for are those with which its text compares the place of their name.
func TestEventsOfAFlow(t *testing.T) {
	t.Parallel()
	source := `steps:
  - filter: $headers["x-github-event"] == "issues"
  - if: '.type == "charge.failed" or .type == "charge.paid" or .kind.type == "other" or .type == "charge.failed"'
  - filter: "${ $headers[\"X-GitHub-Event\"] == \"push\" }"
`
	flow := &flows.Flow{Source: []byte(source)}
	for place, want := range map[string][]string{
		"{header:X-GitHub-Event}": {"issues", "push"},
		"{member:type}":           {"charge.failed", "charge.paid"},
		"{member:kind.type}":      {"other"},
		"{member:nothing}":        nil,
		"":                        nil,
		"{param:type}":            nil,
	} {
		if got := eventsIn(flow, place); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", place, got, want)
		}
	}
}

func TestAddressesOfThisMachine(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"http://127.0.0.1:8080/hooks/a": true, "http://localhost/hooks/a": true, "http://[::1]:1/": true, "https://a.localhost/": true,
		"https://penstock.example.org/hooks/a": false, "https://192.0.2.1/": false,
	} {
		if got := isLoopback(address); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}
