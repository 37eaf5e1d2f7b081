package flows

import (
	"context"
	"errors"
	"time"
)

// ErrNoNumber is what Add returns when the value is no whole number of 64 bits.
var ErrNoNumber = errors.New("the value is no whole number")

// State keeps values between runs, for all workers. Keys are texts of any
// kind. Safe for concurrent use. The conformance tests in statetest say what
// is expected of it.
type State interface {
	// Load returns the value of a key, nil when there is none.
	Load(ctx context.Context, key string) ([]byte, error)
	// Swap changes the value of a key if the change's condition holds.
	Swap(ctx context.Context, c Change) (Swapped, error)
	// Add adds to a whole number and returns the sum; no value is zero. An
	// operation id that comes again adds nothing and returns the same sum.
	Add(ctx context.Context, a Addition) (int64, error)
}

// Condition is what must hold for a change.
type Condition uint8

const (
	Always Condition = iota
	Absent           // there is no value
	Equal            // the value is Old; nil: there is none
	Free             // there is no value, or it is Old
)

// Change is a new value for a key.
type Change struct {
	Key   string
	Value []byte        // nil: the value is removed
	For   time.Duration // how long it is kept; 0: for ever
	If    Condition
	Old   []byte

	// ID names the operation. One that comes again within an hour after it
	// has changed the value finds that it did, and changes nothing. Empty: it
	// does not come again.
	ID string
}

// Swapped is what became of a change.
type Swapped struct {
	Done  bool
	Value []byte // what the key holds now, nil: nothing
}

// Addition is a number to add to that of a key.
type Addition struct {
	Key string
	By  int64
	For time.Duration // how long the sum is kept, counted from each addition; 0: for ever
	ID  string        // as of a Change
}

// Pacer spaces out work. Safe for concurrent use.
type Pacer interface {
	// Take reserves the next moment at which no more than the rate is used,
	// and returns how far it is. When that is more than patience nothing is
	// reserved, and ok is false.
	Take(ctx context.Context, key string, rate Rate, patience time.Duration) (wait time.Duration, ok bool, err error)
}

// Rate is how often something may happen within any stretch of a duration.
type Rate struct {
	Count int
	Per   time.Duration
}
