package content

import (
	"context"
	"io"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// ReadFile reads a whole file of the run, of at most limit bytes, which are charged.
func ReadFile(ctx context.Context, in *flows.Input, v any, limit int64) ([]byte, flows.File, error) {
	r, file, err := in.OpenFile(ctx, v)
	if err != nil {
		return nil, file, err
	}
	defer r.Close()
	if file.Size > limit {
		return nil, file, failure.Errorf("the file has %s; at most %s are read", flows.SizeText(file.Size), flows.SizeText(limit))
	}
	if err := in.Charger(ctx).Charge(file.Size); err != nil {
		return nil, file, failure.Limit(err)
	}
	text := make([]byte, file.Size)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, file, FileError(ctx, err)
	}
	return text, file, nil
}

// FileError is the failure of a step while it reads an open file.
func FileError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &flows.Error{Code: flows.CodeStepFailed, Message: "the file cannot be read: the store of files does not answer", Class: flows.ClassNetwork, Err: err}
}
