// Package jq compiles and evaluates jq programs of untrusted authors: it rejects what a flow cannot use, and limits
// the time and the memory of each evaluation.
package jq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/penstock/penstock/third_party/gojq"
)

// MaxResults is the maximum number of results of a program that are kept.
const MaxResults = 100_000

// Program is a compiled program. Safe for concurrent use.
type Program struct {
	Source    string
	Variables []string // names of the values that the program reads, as its Scope resolved them
	Assigns   bool     // its result is that of =, the whole item
	UUIDs     bool     // it may call uuid, see WithUUIDs
	Path      *Path    // the program as a path; nil: it is not one

	code     *gojq.Code
	patterns map[string]int // sizes of its regular expressions
}

// ErrStop is returned by a yield function to end an evaluation without an error.
var ErrStop = errors.New("stop")

// Run evaluates the program on v and calls yield with each result. values are those of Variables, in the same order;
// they are shared and never modified. limit is the processor time that the evaluation may take, DefaultTime for 0. It
// returns the first error of the program, of yield, or of ctx.
func (p *Program) Run(ctx context.Context, v any, values []any, limit time.Duration, yield func(any) error) (err error) {
	meter := newMeter(ctx, v, p.patterns, cmp.Or(limit, DefaultTime))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("cannot be evaluated: %v", r)
		}
	}()
	results := p.code.RunWithContext(meter, v, values...)
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
		if err == ErrStop {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
