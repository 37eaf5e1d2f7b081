package gojq

import "time"

// Meter is implemented by a context of [Code.RunWithContext] that bounds what
// the native functions cost. They do not look at the context while they run.
// This file and what calls it are not part of the original.
type Meter interface {
	// Before is called before a native function or operator runs, by its name
	// in internalFuncs ("_iterate" for .[]), with its input and arguments. An
	// error ends the evaluation; the query cannot catch it. The arguments are
	// valid until Before returns.
	Before(name string, input any, args []any) error

	// After is called with what the function returned, unless it failed.
	After(name string, result any) error
}

// Clock is implemented by a [Meter] that says what time `now` gives.
type Clock interface{ Now() time.Time }
