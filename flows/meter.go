package flows

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/metrics"
	"time"
)

// Bounds on the memory of one evaluation.
const (
	maxText     = 16 << 20  // bytes of one string
	maxElements = 1_000_000 // of one array or object
	maxWhole    = 64 << 20  // bytes of a value with everything below it
	maxGrowth   = 192 << 20 // bytes by which the heap may grow during an evaluation
	maxMatched  = 512 << 10 // bytes of a text that a regular expression reads
)

// meter is the context of one evaluation. gojq asks for Done before every
// opcode, on the evaluating goroutine: this is where time and memory are
// looked at, without a timer and without a second goroutine.
type meter struct {
	context.Context
	begun   time.Time
	allowed time.Duration
	ops     uint
	charged int    // bytes since the heap was last looked at
	base    uint64 // heap at the first look
	err     error
}

// newMeter begins to measure an evaluation on v.
func newMeter(ctx context.Context, v any) *meter {
	list, _ := v.([]any)
	return &meter{Context: ctx, begun: time.Now(), allowed: maxProgramTime + time.Duration(min(len(list), maxItems))*timePerValue}
}

// allow gives the evaluation more time.
func (m *meter) allow(more time.Duration) { m.allowed += more }

// Done is ready once the evaluation must end.
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

// Err says why the evaluation ended.
func (m *meter) Err() error { return m.err }

// look checks the time, and the heap when asked to.
func (m *meter) look(heap bool) error {
	if err := m.Context.Err(); err != nil {
		return err
	}
	if time.Since(m.begun) > m.allowed {
		return fmt.Errorf("takes longer than %v", m.allowed.Round(time.Millisecond))
	}
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
	runtime.GC() // most of it may be garbage
	if heapBytes() < m.base+maxGrowth {
		return nil
	}
	return fmt.Errorf("needs more than %d MiB of memory", maxGrowth>>20)
}

func heapBytes() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// charge notes bytes that a native operation allocated or is about to.
func (m *meter) charge(bytes int) error {
	if m.charged += bytes; m.charged < 4<<20 {
		return nil
	}
	if bytes > maxGrowth {
		return errTooLarge
	}
	return m.look(true)
}

// errTooLarge is a value beyond maxText, maxElements or maxWhole.
var errTooLarge = errors.New("a value is too large")

// whole walks v with everything below it, as often as it occurs.
func (m *meter) whole(v any) error { return bounded(v) }

// bounded is whole for a value that leaves a program: into text, a request, a
// log line, the next step. Small values that refer to themselves many times
// over are stopped here.
func bounded(v any) error {
	_, err := measured(v)
	return err
}

func walkWhole(v any, depth int, left *int) error {
	const each = 16 // bytes of an element, at least
	switch v := v.(type) {
	case string:
		*left -= len(v)
	case []any:
		*left -= len(v) * each
		for _, element := range v {
			if err := within(element, depth, left); err != nil {
				return err
			}
		}
	case map[string]any:
		*left -= len(v) * each
		for name, member := range v {
			*left -= len(name)
			if err := within(member, depth, left); err != nil {
				return err
			}
		}
	}
	if *left < 0 {
		return errTooLarge
	}
	return nil
}

func within(v any, depth int, left *int) error {
	if depth == 0 {
		return fmt.Errorf("a value is nested deeper than %d", maxDepth)
	}
	if *left < 0 {
		return errTooLarge
	}
	return walkWhole(v, depth-1, left)
}
