package flows_test

import (
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

// parse compiles a flow of the given steps, YAML list elements.
func parse(t testing.TB, steps string) *flows.Flow {
	t.Helper()
	return parseFile(t, "flow: 1\nsteps:\n"+steps)
}

func parseFile(t testing.TB, source string) *flows.Flow {
	t.Helper()
	flow, err := flows.Parse("test.yaml", []byte(source), catalogue())
	if err != nil {
		t.Fatal(err)
	}
	return flow
}

func catalogue() *flows.Catalogue { return steps.Catalogue() }

// quote returns a YAML text in single quotes.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
