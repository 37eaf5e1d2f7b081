package flows_test

import (
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/statetest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	statetest.Run(t, func(*testing.T) statetest.Store { return flows.NewMemory() })
}
