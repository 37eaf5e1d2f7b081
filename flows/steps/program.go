package steps

import (
	"context"

	"github.com/penstock/penstock/flows"
)

// programStep is the step whose items are what a program gives.
type programStep struct{ program *flows.Expr }

// Run evaluates the program on the item.
func (r programStep) Run(ctx context.Context, in *flows.Input) ([]any, error) {
	return r.program.All(ctx, in)
}
