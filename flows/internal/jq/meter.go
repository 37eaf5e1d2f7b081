package jq

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"runtime/metrics"
	"time"

	"github.com/penstock/penstock/internal/cputime"
	"github.com/penstock/penstock/third_party/gojq"
)

// Limits of one evaluation.
const (
	DefaultTime  = 250 * time.Millisecond // of processor time
	timePerValue = 20 * time.Microsecond  // added for each element of the input and each result
	maxText      = 16 << 20               // bytes of one string
	maxElements  = 1_000_000              // of one array or object
	maxGrowth    = 192 << 20              // bytes by which the heap may grow
	maxMatched   = 512 << 10              // bytes of a text that is matched against a regular expression
)

const (
	stepTime     = 10 * time.Nanosecond // duration that one step of a cost stands for
	stepsPerLook = 100_000              // 1 ms
	yieldEvery   = time.Millisecond
)

// lateError is the error of an evaluation that took longer than it may.
type lateError time.Duration

func (e lateError) Error() string {
	return fmt.Sprintf("takes longer than %v", time.Duration(e).Round(time.Millisecond))
}

// IsLate reports whether an evaluation ended because it took too long, which depends on the machine.
func IsLate(err error) bool {
	var late lateError
	return errors.As(err, &late)
}

// meter is the context of one evaluation. gojq calls Done before every opcode and Before at every native operation,
// on the evaluating goroutine. The meter checks time and memory in these calls, without a timer and without a second
// goroutine.
type meter struct {
	context.Context
	patterns map[string]int  // sizes of the program's regular expressions
	looked   cputime.Reading // at the last check of the clock
	used     time.Duration   // processor time up to then
	yielded  time.Time       // last time at which other goroutines could run
	allowed  time.Duration   // limit of used
	ops      uint
	spent    int    // steps of native operations so far
	unseen   int    // steps since the last check of the clock
	charged  int    // bytes since the last check of the heap
	base     uint64 // heap size at the first check
	cost     cost   // of the next native operation
	err      error  // reason for the end of the evaluation
}

var (
	_ gojq.Meter = (*meter)(nil)
	_ gojq.Clock = (*meter)(nil)
)

// nowKey is the key of the context's value for WithNow.
type nowKey struct{}

// WithNow returns a context in which programs take t for the current time.
func WithNow(ctx context.Context, t time.Time) context.Context {
	return context.WithValue(ctx, nowKey{}, t)
}

// FixedNow returns the time of WithNow; false: the context has none.
func FixedNow(ctx context.Context) (time.Time, bool) {
	t, ok := ctx.Value(nowKey{}).(time.Time)
	return t, ok
}

// Now returns the time of WithNow, or that of the clock.
func (m *meter) Now() time.Time {
	if t, ok := FixedNow(m.Context); ok {
		return t
	}
	return time.Now()
}

// newMeter starts to measure an evaluation on v, which may take so much processor time, and more for the elements of a
// list.
func newMeter(ctx context.Context, v any, patterns map[string]int, limit time.Duration) *meter {
	list, _ := v.([]any)
	now := time.Now()
	return &meter{ // most evaluations end before the first check, which is why the thread's clock is not read
		Context: ctx, patterns: patterns, looked: cputime.Reading{Wall: now}, yielded: now,
		allowed: limit + time.Duration(min(len(list), MaxResults))*timePerValue,
	}
}

// allow extends the time limit of the evaluation.
func (m *meter) allow(more time.Duration) { m.allowed += more }

// Before charges for a native operation. It implements gojq.Meter.
func (m *meter) Before(name string, in any, args []any) error {
	if m.err != nil {
		return m.err
	}
	if len(args) == 2 && small(args[0]) && small(args[1]) {
		return nil
	}
	charge, costs := natives[name]
	switch {
	case costs:
	case name == "_match":
		charge = m.matching
	case name == "_matches":
		charge = matches
	case name == "_catch", name == "_matched": // either may have taken long
		m.err = m.look(false)
		return m.err
	default:
		return nil
	}
	m.cost = cost{left: min(maxNative, int(m.allowed/stepTime)-m.spent)}
	charge(&m.cost, in, args)
	m.err = m.spend(&m.cost)
	return m.err
}

// small reports whether v is a number that fits a machine word.
func small(v any) bool {
	switch v := v.(type) {
	case int, float64:
		return true
	case json.Number:
		return len(v) < 20
	}
	return false
}

func (m *meter) spend(b *cost) error {
	m.spent += b.steps
	switch {
	case b.err != nil:
		return b.err
	case b.steps > maxNative:
		return fmt.Errorf("one operation takes longer than %v", maxNative*stepTime)
	case b.steps > b.left:
		return m.late()
	}
	if m.unseen += b.steps; m.unseen >= stepsPerLook {
		if err := m.look(false); err != nil {
			return err
		}
	}
	return m.charge(b.bytes)
}

// After checks the result of an operation against the limits of one value. It implements gojq.Meter.
func (m *meter) After(name string, result any) error {
	if m.err != nil || !resultChecked[name] {
		return m.err
	}
	switch v := result.(type) {
	case string:
		if len(v) > maxText {
			m.err = ErrTooLarge
		}
	case []any:
		if len(v) > maxElements {
			m.err = ErrTooLarge
		}
	case map[string]any:
		if len(v) > maxElements {
			m.err = ErrTooLarge
		}
	}
	return m.err
}

// matching charges for a match by the sizes of text and expression. The total time of all matches is checked between
// them.
func (m *meter) matching(b *cost, in any, args []any) {
	text, _ := in.(string)
	if len(text) > maxMatched {
		b.err = fmt.Errorf("matches a text of %d bytes, %d are allowed", len(text), maxMatched)
		return
	}
	pattern, _ := args[0].(string)
	size, known := m.patterns[pattern]
	if !known {
		size = patternSize(pattern)
	}
	if size > maxPattern {
		b.err = errPattern
		return
	}
	b.times(len(text), 1+size/8)
	b.bytes = 64 * len(text)
}

// matches charges for the objects created for all matches of a text.
func matches(b *cost, _ any, args []any) { // of one object, with its contents
	const steps, bytes = 50, 512 // of one object, with what it holds
	n, _ := args[0].(int)
	b.times(n, steps)
	b.bytes = n * bytes
}

// Done returns a closed channel when the evaluation must end, else nil.
func (m *meter) Done() <-chan struct{} {
	m.ops++
	if m.ops&0x3ff != 0 {
		return nil
	}
	if m.err == nil {
		m.err = m.look(m.ops&0x3fff == 0)
	}
	if m.err != nil {
		ready := make(chan struct{})
		close(ready)
		return ready
	}
	return nil
}

// Err returns the reason for the end of the evaluation.
func (m *meter) Err() error { return m.err }

// look checks the time limit and, if heap is set, the memory limit.
func (m *meter) look(heap bool) error {
	if err := m.Context.Err(); err != nil {
		return err
	}
	m.unseen = 0
	now := cputime.Now()
	m.used += now.Since(m.looked)
	if m.looked = now; m.used > m.allowed {
		return m.late()
	}
	m.yield(now.Wall)
	if !heap {
		return nil
	}
	m.charged = 0
	used := heapBytes()
	if m.base == 0 {
		m.base = used
		return nil
	}
	if used < m.base+maxGrowth {
		return nil
	}
	runtime.GC() // most of the growth may be garbage
	if heapBytes() < m.base+maxGrowth {
		return nil
	}
	return fmt.Errorf("needs more than %d MiB of memory", maxGrowth>>20)
}

// yield lets other goroutines run, so that a newly started run waits about a millisecond for each evaluation in
// progress. That time is not charged to the evaluation.
func (m *meter) yield(now time.Time) {
	if now.Sub(m.yielded) < yieldEvery {
		return
	}
	runtime.Gosched()
	m.looked = cputime.Now()
	m.yielded = m.looked.Wall
}

func (m *meter) late() error {
	return lateError(m.allowed)
}

func heapBytes() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// charge counts bytes that a native operation allocates.
func (m *meter) charge(bytes int) error {
	if m.charged += bytes; m.charged < 4<<20 {
		return nil
	}
	if bytes > maxGrowth {
		return ErrTooLarge
	}
	return m.look(true)
}
