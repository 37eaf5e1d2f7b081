package worker

import (
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

const (
	maxSteps    = 200 // steps kept of one run; nested ones begin once for each item
	maxLines    = 200 // log lines kept of one run
	maxItems    = 20  // items kept of one step, when a flow wants them kept
	maxOutcomes = 500 // items of one run of which it is told what became of them

	maxItemBytes = 256 << 10 // of all items kept of one run, as JSON
)

// record is what the steps of one run did, for whoever looks at the run. It
// implements flows.Tracer.
type record struct {
	mu      sync.Mutex
	steps   []stepRecord // guarded by mu
	lines   []logRecord  // guarded by mu
	dropped int          // guarded by mu; what did not fit

	recordItems bool // guarded by mu; what steps put out is kept, too
	itemBytes   int  // guarded by mu; bytes of it
	outcomes    int  // guarded by mu; items told of

	attempt  *queue.Attempt // told of what happens, for who watches
	progress atomic.Int64   // when progress was told last, Unix time in nanoseconds
}

type stepRecord struct {
	Step     string    `json:"step"`
	Kind     string    `json:"kind"`
	In       int       `json:"in"`
	Out      int       `json:"out"`
	At       time.Time `json:"at"`
	Micros   int64     `json:"us"` // duration
	Attempts int       `json:"attempts,omitempty"`
	Replayed int       `json:"replayed,omitempty"`
	Error    string    `json:"error,omitempty"`
	Within   string    `json:"within,omitempty"` // indices of the items that led into nested steps

	Each    []itemOutcome   `json:"each,omitempty"`         // what became of single items; see flows.Ended
	Items   json.RawMessage `json:"items,omitempty"`        // the first that it put out, masked; absent: not kept
	LeftOut bool            `json:"left_out,omitempty"`     // there were more, or no room for them
	Waiting time.Time       `json:"waiting_until,omitzero"` // of a step that parked the run
}

type logRecord struct {
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
		r.attempt.Tell(startedEvent(b))
	}
}

// progressEvery is the least time between two events about the progress of one
// run.
const progressEvery = 500 * time.Millisecond

// Progress implements flows.ProgressTracer. It is called for each item, and
// tells now and then.
func (r *record) Progress(p flows.Progress) {
	if !r.attempt.Watched() {
		return
	}
	now, last := time.Now().UnixNano(), r.progress.Load()
	if now-last >= int64(progressEvery) && r.progress.CompareAndSwap(last, now) {
		r.attempt.Tell(progressEvent(p))
	}
}

// End implements flows.Tracer.
func (r *record) End(e flows.Ended) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.steps) == maxSteps {
		r.dropped++
		return
	}
	s := stepRecord{
		Step: e.Step, Kind: e.Kind, In: e.In, Out: e.Out, At: e.At.UTC(), Micros: e.Duration.Microseconds(),
		Attempts: e.Attempts, Replayed: e.Replayed, Within: e.Within,
	}
	s.Each = itemOutcomes(e.Outcomes[:min(len(e.Outcomes), maxOutcomes-r.outcomes)], e.At.Add(-e.Duration))
	r.outcomes += len(s.Each)
	r.addItems(&s, &e)
	var parked *flows.Parked
	if errors.As(e.Err, &parked) {
		s.Waiting = parked.Wake.UTC()
	} else if e.Err != nil {
		s.Error = e.Err.Error()
	}
	r.steps = append(r.steps, s)
	if r.attempt.Watched() {
		r.attempt.Tell(endedEvent(len(r.steps), &s))
	}
}

// addItems puts the first items of a step into the record, when they are wanted
// and there is room for them.
func (r *record) addItems(s *stepRecord, e *flows.Ended) {
	if !r.recordItems || e.Err != nil || e.Items == nil {
		return
	}
	text := flows.EncodeJSON(e.Items(maxItems))
	if r.itemBytes+len(text) > maxItemBytes {
		s.LeftOut = true
		return
	}
	r.itemBytes += len(text)
	s.Items, s.LeftOut = text, e.Out > maxItems
}

// enableItems makes the record hold what steps put out.
func (r *record) enableItems() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recordItems = true
}

// Log implements flows.Tracer.
func (r *record) Log(l flows.Line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.lines) == maxLines {
		r.dropped++
		return
	}
	r.lines = append(r.lines, logRecord{Step: l.Step, Item: l.Item, At: l.At.UTC(), Level: l.Level, Message: l.Message, Fields: l.Fields})
}

func (r *record) encode() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.steps)+len(r.lines) == 0 {
		return nil
	}
	b, err := json.Marshal(struct {
		Steps   []stepRecord `json:"steps"`
		Log     []logRecord  `json:"log,omitempty"`
		Dropped int          `json:"dropped,omitempty"`
	}{r.steps, r.lines, r.dropped})
	if err != nil {
		return nil
	}
	return b
}
