package worker

import (
	"encoding/json"
	"errors"
	"sync"
	"time"

	"penstock/flows"
	"penstock/queue"
)

const (
	mostSteps = 200 // steps kept of one run; nested ones begin once for each item
	mostLines = 200 // log lines kept of one run
)

// record is what the steps of one run did, for whoever looks at the run. It
// implements flows.Tracer.
type record struct {
	mu      sync.Mutex
	steps   []step // guarded by mu
	lines   []line // guarded by mu
	dropped int    // guarded by mu; what did not fit

	attempt *queue.Attempt // told of what happens, for who watches
}

type step struct {
	Step     string    `json:"step"`
	Kind     string    `json:"kind"`
	In       int       `json:"in"`
	Out      int       `json:"out"`
	At       time.Time `json:"at"`
	Micros   int64     `json:"us"` // duration
	Attempts int       `json:"attempts,omitempty"`
	Replayed int       `json:"replayed,omitempty"`
	Error    string    `json:"error,omitempty"`
	Waiting  time.Time `json:"waiting_until,omitzero"` // of a step that parked the run
}

type line struct {
	Step    string         `json:"step"`
	Item    int            `json:"item"`
	At      time.Time      `json:"at"`
	Level   string         `json:"level"`
	Message string         `json:"message"`
	Fields  map[string]any `json:"fields,omitempty"`
}

// Begin implements flows.Tracer. What has begun is told but not kept.
func (r *record) Begin(b flows.Begun) {
	if r.attempt.Watched() {
		r.attempt.Tell(begun(b))
	}
}

// End implements flows.Tracer.
func (r *record) End(e flows.Ended) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.steps) == mostSteps {
		r.dropped++
		return
	}
	s := step{
		Step: e.Step, Kind: e.Kind, In: e.In, Out: e.Out, At: e.At.UTC(), Micros: e.Duration.Microseconds(),
		Attempts: e.Attempts, Replayed: e.Replayed,
	}
	var parked *flows.Parked
	if errors.As(e.Err, &parked) {
		s.Waiting = parked.Wake.UTC()
	} else if e.Err != nil {
		s.Error = e.Err.Error()
	}
	r.steps = append(r.steps, s)
	if r.attempt.Watched() {
		r.attempt.Tell(ended(len(r.steps), &s))
	}
}

// Log implements flows.Tracer.
func (r *record) Log(l flows.Line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.lines) == mostLines {
		r.dropped++
		return
	}
	r.lines = append(r.lines, line{Step: l.Step, Item: l.Item, At: l.At.UTC(), Level: l.Level, Message: l.Message, Fields: l.Fields})
}

func (r *record) encode() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.steps)+len(r.lines) == 0 {
		return nil
	}
	b, err := json.Marshal(struct {
		Steps   []step `json:"steps"`
		Log     []line `json:"log,omitempty"`
		Dropped int    `json:"dropped,omitempty"`
	}{r.steps, r.lines, r.dropped})
	if err != nil {
		return nil
	}
	return b
}
