package flows

import (
	"context"
	"errors"
	"fmt"

	"github.com/penstock/penstock/flows/internal/jq"
	"github.com/penstock/penstock/internal/phrase"
)

// Expr is a compiled jq program. Safe for concurrent use.
type Expr struct {
	program *jq.Program
	vars    []variable // values that the program reads, in the order of program.Variables
	secret  bool       // some of them are secrets
}

// All evaluates the program on the item and returns all its results.
func (e *Expr) All(ctx context.Context, in *Input) ([]any, error) {
	var all []any
	err := e.each(ctx, in, in.item.value, func(v any) error {
		if len(all) == jq.MaxResults {
			return fmt.Errorf("more than %d results", jq.MaxResults)
		}
		all = append(all, v)
		return nil
	})
	return all, err
}

// First evaluates the program on the item and returns its first result; nil when it has none.
func (e *Expr) First(ctx context.Context, in *Input) (any, error) {
	var first any
	err := e.each(ctx, in, in.item.value, func(v any) error {
		first = v
		return jq.ErrStop
	})
	return first, err
}

// True evaluates the program as a condition: whether its first result exists and is neither null nor false.
func (e *Expr) True(ctx context.Context, in *Input) (bool, error) {
	v, err := e.First(ctx, in)
	return v != nil && v != false, err
}

// IsPath reports whether the program is a plain chain of names, which has exactly one result.
func (e *Expr) IsPath() bool { return e.program.Path != nil }

// Members returns the names of a program that is a plain chain of names from the item on, such as .a.b; nil for any other.
func (e *Expr) Members() []string {
	if path := e.program.Path; path != nil && path.Root < 0 {
		return path.Names
	}
	return nil
}

// String returns the source of the program.
func (e *Expr) String() string { return e.program.Source }

// one evaluates a program that may have at most one result.
func (e *Expr) one(ctx context.Context, in *Input) (any, error) {
	if v, ok := e.follow(in); ok {
		return v, nil
	}
	var one any
	seen := false
	err := e.each(ctx, in, in.item.value, func(v any) error {
		if seen {
			return errors.New("gives several values where one is wanted: put [ ] around it for a list")
		}
		one, seen = v, true
		return nil
	})
	return one, err
}

func (e *Expr) each(ctx context.Context, in *Input, v any, yield func(any) error) error {
	if v, ok := e.follow(in); ok {
		if err := yield(v); err != jq.ErrStop {
			return err
		}
		return nil
	}
	if e.program.UUIDs && in.uuids != nil {
		ctx = jq.WithUUIDs(ctx, in.uuid)
	}
	values, err := e.values(ctx, in)
	if err != nil {
		return err
	}
	if e.secret {
		yield = maskingResults(ctx, yield)
	}
	return e.failed(e.program.Run(ctx, v, values, in.p.x.flow.expressionTime, yield))
}

// follow evaluates a program that is a path. It returns false for another one, and when the interpreter must report
// an error.
func (e *Expr) follow(in *Input) (any, bool) {
	path := e.program.Path
	if path == nil || e.secret {
		return nil, false
	}
	v := in.item.value
	if path.Root >= 0 {
		v = e.vars[path.Root].value(in)
	}
	return path.Follow(v)
}

func (e *Expr) values(ctx context.Context, in *Input) ([]any, error) {
	if len(e.vars) == 0 {
		return nil, nil
	}
	values := make([]any, len(e.vars))
	for i, v := range e.vars {
		if v.kind != ofSecret {
			values[i] = v.value(in)
			continue
		}
		secret, err := in.Secret(ctx, v.text)
		if err != nil {
			return nil, err
		}
		values[i] = secret
	}
	return values, nil
}

// failed wraps an error of the evaluation. It returns the end of the context unchanged.
func (e *Expr) failed(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	if e.secret { // the error may quote a part of a secret
		return &Error{Code: CodeExpression, Message: phrase.Shorten(e.program.Source, 60) + ": fails; the reason is not shown, because it may contain a part of a secret"}
	}
	return &Error{Code: CodeExpression, Message: fmt.Sprintf("%s: %s", phrase.Shorten(e.program.Source, 60), phrase.Shorten(err.Error(), 300)), Err: err}
}
