package steps

import (
	"context"

	"github.com/penstock/penstock/flows"
)

// programStep is a step that puts out the results of a program.
type programStep struct{ program *flows.Expr }

// Run evaluates the program on the item.
func (r programStep) Run(ctx context.Context, in *flows.Input) ([]any, error) {
	return r.program.All(ctx, in)
}
