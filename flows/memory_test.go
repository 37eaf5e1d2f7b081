package flows_test

import (
	"testing"

	"penstock/flows"
	"penstock/flows/statetest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	statetest.Run(t, func(*testing.T) statetest.Store { return flows.NewMemory() })
}
