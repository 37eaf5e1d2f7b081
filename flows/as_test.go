package flows_test

import (
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

func TestAsNeedsAStepWithResultsOfItems(t *testing.T) {
	t.Parallel()
	for _, step := range []string{
		"collect: {}\n    as: a", "fail: {message: no}\n    as: a", "switch: [{when: true, steps: [{set: {a: 1}}]}]\n    as: a",
	} {
		_, err := flows.Parse("test.yaml", []byte("flow: 1\nsteps:\n  - "+step+"\n"), steps.Catalogue())
		if err == nil || !strings.Contains(err.Error(), "as has no meaning for a ") {
			t.Errorf("%s: %v", step, err)
		}
	}
}
