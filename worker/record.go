package worker

import (
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/queue/attempts"
)

const (
	maxSteps    = 200 // recorded steps of a run; a nested step begins once for each item
	maxLines    = 200 // log lines of a run
	maxItems    = 20  // recorded output items of a step, for flows with run.record: items
	maxOutcomes = 500 // recorded outcomes of items of a run
	maxOpen     = 100 // steps that later watchers are told to have begun; more run at once only within nested steps

	maxItemBytes = 256 << 10 // of all recorded items of a run, as JSON
)

// record collects what the steps of one run did, for the run's record. It implements flows.Tracer.
type record struct {
	mu      sync.Mutex
	steps   []stepRecord // guarded by mu
	lines   []logRecord  // guarded by mu
	dropped int          // guarded by mu; steps and lines beyond the limits

	open    []flows.StepStart // guarded by mu; steps that have begun and not ended
	began   time.Time         // when the handler of the attempt was called
	wait    attempts.Wait     // owned by the handler; what the run waits for after the attempt
	earlier earlierAttempts   // owned by the handler

	recordItems bool // guarded by mu; output items are recorded
	itemBytes   int  // guarded by mu; size of the recorded items
	outcomes    int  // guarded by mu; number of recorded outcomes

	exchanges exchanges // guarded by mu

	attempt  *queue.Attempt // receives the events for those who watch the run
	progress atomic.Int64   // time of the last progress event, Unix nanoseconds
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

	Each    []itemOutcome   `json:"each,omitempty"`         // outcomes of single items; see flows.StepEnd
	Items   json.RawMessage `json:"items,omitempty"`        // first output items, masked; absent: not recorded
	LeftOut bool            `json:"left_out,omitempty"`     // not all items are recorded
	Waiting time.Time       `json:"waiting_until,omitzero"` // of a step that parked the run
	Topic   string          `json:"waiting_for,omitempty"`  // of such a step: the topic of the event that it waits for
}

type logRecord struct {
	Step    string         `json:"step"`
	Item    int            `json:"item"`
	At      time.Time      `json:"at"`
	Level   string         `json:"level"`
	Message string         `json:"message"`
	Fields  map[string]any `json:"fields,omitempty"`
}

// Begin implements flows.Tracer. It records the step for later watchers until it has ended.
func (r *record) Begin(b flows.StepStart) {
	b.Items = nil // they are not to be kept for that
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.open) < maxOpen {
		r.open = append(r.open, b)
	}
	if r.attempt.HasWatchers() {
		r.attempt.Publish(startedEvent(b))
	}
}

// progressEvery is the minimum time between two progress events of a run.
const progressEvery = 500 * time.Millisecond

// Progress implements flows.ProgressTracer. It is called for each item and sends an event at most every
// progressEvery.
func (r *record) Progress(p flows.Progress) {
	if !r.attempt.HasWatchers() {
		return
	}
	now, last := time.Now().UnixNano(), r.progress.Load()
	if now-last >= int64(progressEvery) && r.progress.CompareAndSwap(last, now) {
		r.attempt.Publish(progressEvent(p))
	}
}

// End implements flows.Tracer.
func (r *record) End(e flows.StepEnd) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closeStep(&e)
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
		s.Waiting, s.Topic = parked.Wake.UTC(), parked.Topic
	} else if e.Err != nil {
		s.Error = e.Err.Error()
	}
	r.steps = append(r.steps, s)
	if r.attempt.HasWatchers() {
		r.attempt.Publish(endedEvent(len(r.steps), &s))
	}
}

// closeStep removes a step from those that have not ended. The last one that began is mostly the one.
func (r *record) closeStep(e *flows.StepEnd) {
	for i := len(r.open) - 1; i >= 0; i-- {
		if r.open[i].Step == e.Step && r.open[i].Within == e.Within {
			r.open = slices.Delete(r.open, i, i+1)
			return
		}
	}
}

// addItems adds the first output items of a step to the record, if enabled and within the limits.
func (r *record) addItems(s *stepRecord, e *flows.StepEnd) {
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

// enableItems enables the recording of output items.
func (r *record) enableItems() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recordItems = true
}

// Log implements flows.Tracer.
func (r *record) Log(l flows.LogLine) {
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
	found, leftOut := r.exchanges.all(r.earlier.Exchanges)
	leftOut += r.earlier.LeftOut
	if len(r.steps)+len(r.lines)+len(found) == 0 && r.earlier.Attempts == nil {
		return nil
	}
	b, err := json.Marshal(struct {
		Steps   []stepRecord `json:"steps"`
		Log     []logRecord  `json:"log,omitempty"`
		Dropped int          `json:"dropped,omitempty"`
		earlierAttempts
	}{r.steps, r.lines, r.dropped, earlierAttempts{r.earlier.Attempts, found, leftOut}})
	if err != nil {
		return nil
	}
	return b
}
