package flows

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/penstock/penstock/third_party/gojq"
)

// Expr is a compiled jq program. Safe for concurrent use.
type Expr struct {
	source string
	code   *gojq.Code
	vars   []variable // variables that the program reads, in the order of its compilation
	path   *path      // the program as a plain path; nil: it is not one

	patterns map[string]int // sizes of its regular expressions
}

// All evaluates the program on the item and returns all its results.
func (e *Expr) All(ctx context.Context, in *Input) ([]any, error) {
	var all []any
	err := e.each(ctx, in, in.item.value, func(v any) error {
		if len(all) == maxResults {
			return fmt.Errorf("more than %d results", maxResults)
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
		return errEnough
	})
	return first, err
}

// True evaluates the program as a condition: whether its first result exists and is neither null nor false.
func (e *Expr) True(ctx context.Context, in *Input) (bool, error) {
	v, err := e.First(ctx, in)
	return v != nil && v != false, err
}

// IsPath reports whether the program is a plain chain of names, which has exactly one result.
func (e *Expr) IsPath() bool { return e.path != nil }

// String returns the source of the program.
func (e *Expr) String() string { return e.source }

// one evaluates a program that may have at most one result.
func (e *Expr) one(ctx context.Context, in *Input) (any, error) {
	if e.path != nil {
		if v, ok := e.path.follow(in); ok {
			return v, nil
		}
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

// errEnough ends an evaluation early.
var errEnough = errors.New("enough")

func (e *Expr) each(ctx context.Context, in *Input, v any, yield func(any) error) (err error) {
	if e.path != nil {
		if v, ok := e.path.follow(in); ok {
			return ignoreEnough(yield(v))
		}
	}
	meter := newMeter(ctx, v, e.patterns)
	defer func() {
		if r := recover(); r != nil {
			err = e.failed(fmt.Errorf("cannot be evaluated: %v", r))
		}
	}()
	results := e.code.RunWithContext(meter, v, e.values(in)...)
	for {
		v, ok := results.Next()
		if !ok {
			return nil
		}
		err, failed := v.(error)
		if !failed {
			meter.allow(timePerValue)
			err = yield(v)
		}
		if err != nil {
			return e.failed(ignoreEnough(err))
		}
	}
}

func (e *Expr) values(in *Input) []any {
	if len(e.vars) == 0 {
		return nil
	}
	values := make([]any, len(e.vars))
	for i, v := range e.vars {
		values[i] = v.value(in)
	}
	return values
}

func ignoreEnough(err error) error {
	if err == errEnough {
		return nil
	}
	return err
}

// failed wraps an error of the evaluation. It returns the end of the context unchanged.
func (e *Expr) failed(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return &Error{Code: CodeExpression, Message: fmt.Sprintf("%s: %s", shorten(e.source, 60), shorten(err.Error(), 300)), Err: err}
}

// shorten truncates s to n characters for a message.
func shorten(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:n]) + "…"
}

// Limits of one evaluation of a program.
const (
	maxProgramTime = 250 * time.Millisecond
	timePerValue   = 10 * time.Microsecond // added for each input element and each result
	maxResults     = 100_000
	maxProgramSize = 16 << 10 // bytes of source
)
