package content

import (
	"context"
	"errors"
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
		return nil, file, FileError(ctx, "read", err)
	}
	return text, file, nil
}

// FileError is the failure of a step whose file cannot be read, or stored, as done says.
func FileError(ctx context.Context, done string, err error) error {
	var known *flows.Error
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &known):
		return known
	}
	return &flows.Error{Code: flows.CodeStepFailed, Message: "the file cannot be " + done + ": the store of files does not answer", Class: flows.ClassNetwork, Err: err}
}
