package flows

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"sync"
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

var snapshotForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,99}$`)

// SnapshotName reports whether a text may be the name of a snapshot, which a changes step keeps.
func SnapshotName(name string) bool { return snapshotForm.MatchString(name) }

// SnapshotKey returns the key in Env.State of the snapshot that a changes step of the flow keeps under a name.
func (f *Flow) SnapshotKey(name string) string { return stateKey(f, "changes", name, false) }

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

// Memory is an in-process State and Pacer, for the tests of flows and for single runs without a server. Its contents
// are lost with the process.
type Memory struct {
	mu         sync.Mutex
	values     map[string]memoryEntry // guarded by mu
	operations map[string]int64       // guarded by mu; result by operation id
	reserved   map[string][]time.Time // guarded by mu; reserved moments by key, in ascending order
}

type memoryEntry struct {
	value []byte
	by    string    // operation id of the write
	until time.Time // zero: no expiry
}

// NewMemory returns an empty Memory.
func NewMemory() *Memory {
	return &Memory{values: map[string]memoryEntry{}, operations: map[string]int64{}, reserved: map[string][]time.Time{}}
}

// current returns the unexpired value of a key. m.mu must be held.
func (m *Memory) current(key string) memoryEntry {
	k := m.values[key]
	if !k.until.IsZero() && !time.Now().Before(k.until) {
		delete(m.values, key)
		return memoryEntry{}
	}
	return k
}

func until(d time.Duration) time.Time {
	if d <= 0 {
		return time.Time{}
	}
	return time.Now().Add(d)
}

// Load implements State.
func (m *Memory) Load(_ context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.current(key).value, nil
}

// Swap implements State.
func (m *Memory) Swap(_ context.Context, c Change) (Swapped, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	held := m.current(c.Key)
	if c.ID != "" {
		_, again := m.operations[c.ID]
		if again || held.value != nil && held.by == c.ID {
			return Swapped{Done: true, Value: held.value}, nil
		}
	}
	if !c.conditionHolds(held.value) {
		return Swapped{Value: held.value}, nil
	}
	if c.Value == nil {
		delete(m.values, c.Key)
	} else {
		m.values[c.Key] = memoryEntry{value: c.Value, by: c.ID, until: until(c.For)}
	}
	if c.ID != "" && c.If == Equal {
		m.operations[c.ID] = 0
	}
	return Swapped{Done: true, Value: c.Value}, nil
}

func (c *Change) conditionHolds(value []byte) bool {
	same := (value == nil) == (c.Old == nil) && bytes.Equal(value, c.Old)
	switch c.If {
	case Absent:
		return value == nil
	case Equal:
		return same
	case Free:
		return value == nil || same
	}
	return true
}

// Add implements State.
func (m *Memory) Add(_ context.Context, a Addition) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if sum, again := m.operations[a.ID]; again && a.ID != "" {
		return sum, nil
	}
	sum := int64(0)
	if value := m.current(a.Key).value; value != nil {
		var err error
		if sum, err = strconv.ParseInt(string(value), 10, 64); err != nil {
			return 0, fmt.Errorf("add to a value: %w", ErrNoNumber)
		}
	}
	if sum > 0 && a.By > math.MaxInt64-sum || sum < 0 && a.By < math.MinInt64-sum {
		return 0, fmt.Errorf("add to a value: %w: the sum is too large", ErrNoNumber)
	}
	sum += a.By
	m.values[a.Key] = memoryEntry{value: strconv.AppendInt(nil, sum, 10), until: until(a.For)}
	if a.ID != "" {
		m.operations[a.ID] = sum
	}
	return sum, nil
}

// Take implements Pacer.
func (m *Memory) Take(_ context.Context, key string, rate Rate, maxWait time.Duration) (time.Duration, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	at, taken := now, m.reserved[key]
	if n := len(taken) - rate.Count; n >= 0 {
		if next := taken[n].Add(rate.Per); next.After(at) {
			at = next
		}
		taken = taken[n:]
	}
	if at.Sub(now) > maxWait {
		return at.Sub(now), false, nil
	}
	m.reserved[key] = append(taken, at)
	return at.Sub(now), true, nil
}
