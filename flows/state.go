package flows

import (
	"context"
	"errors"
	"time"
)

// ErrNoNumber is returned by Add when the value is not a 64-bit integer.
var ErrNoNumber = errors.New("the value is no whole number")

// State stores values between runs, for all workers. Keys are arbitrary texts. Safe for concurrent use. The
// conformance tests in statetest specify its behavior.
type State interface {
	// Load returns the value of a key; nil when there is none.
	Load(ctx context.Context, key string) ([]byte, error)
	// Swap changes the value of a key if the condition of the change holds.
	Swap(ctx context.Context, c Change) (Swapped, error)
	// Add adds to an integer and returns the sum; a missing value is 0. A repeated operation id adds nothing and
	// returns the same sum.
	Add(ctx context.Context, a Addition) (int64, error)
}

// Condition is the condition of a change.
type Condition uint8

const (
	Always Condition = iota
	Absent           // there is no value
	Equal            // the value is Old; nil: there is none
	Free             // there is no value, or it is Old
)

// Change sets a new value for a key.
type Change struct {
	Key   string
	Value []byte        // nil: remove the value
	For   time.Duration // time to live; 0: no expiry
	If    Condition
	Old   []byte

	// ID identifies the operation. A repetition within an hour after the change reports Done and changes nothing.
	// Empty: the operation is not repeated.
	ID string
}

// Swapped is the result of a change.
type Swapped struct {
	Done  bool
	Value []byte // current value; nil: none
}

// Addition adds a number to the value of a key.
type Addition struct {
	Key string
	By  int64
	For time.Duration // time to live of the sum, from each addition; 0: no expiry
	ID  string        // see Change.ID
}

// Pacer limits rates. Safe for concurrent use.
type Pacer interface {
	// Take reserves the next moment within the rate and returns the time until then. When that is longer than
	// maxWait it reserves nothing, and ok is false.
	Take(ctx context.Context, key string, rate Rate, maxWait time.Duration) (wait time.Duration, ok bool, err error)
}

// Rate allows Count operations within any period of length Per.
type Rate struct {
	Count int
	Per   time.Duration
}
