package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// Bounds of the data of one response.
const (
	maxTests = 5               // tests that are executed
	maxTrace = 2 * time.Second // for all of them
	maxValue = 32 << 10        // bytes of one value; a larger one is left out
	maxSteps = 200             // steps of one sample
	maxData  = 512 << 10       // bytes of all steps of one sample
	lookBack = 1000            // latest runs of all flows among which that of the flow is looked for
	maxAge   = 24 * time.Hour  // of the run
)

// sample is data that expressions read: of a run, or of a test of the flow.
type sample struct {
	Kind    string                     `json:"kind"`            // run or test
	Label   string                     `json:"label"`           // id of the run, or name of the test
	At      *time.Time                 `json:"at,omitempty"`    // acceptance of the run
	Event   json.RawMessage            `json:"event"`           // null: none
	Params  map[string]string          `json:"params"`          //
	Headers map[string]string          `json:"headers"`         //
	Steps   map[string]json.RawMessage `json:"steps"`           // the first item that each step put out, by its path
	Items   map[string]json.RawMessage `json:"items"`           // the first item that each step received, by its path; of tests
	Lacks   string                     `json:"lacks,omitempty"` // why there are no results of steps: record, or size

	size int // bytes of Steps and Items
}

func newSample(kind, label string) *sample {
	return &sample{
		Kind: kind, Label: label, Event: json.RawMessage("null"), Params: map[string]string{}, Headers: map[string]string{},
		Steps: map[string]json.RawMessage{}, Items: map[string]json.RawMessage{},
	}
}

// put adds the value of a step unless it has one, or there is no room.
func (s *sample) put(to map[string]json.RawMessage, path string, value json.RawMessage) {
	if _, has := to[path]; has || len(to) == maxSteps {
		return
	}
	if len(value) > maxValue || s.size+len(value) > maxData {
		s.Lacks = "size"
		return
	}
	s.size += len(value)
	to[path] = value
}

func (s *sample) setInput(event json.RawMessage, params, headers map[string]string) {
	if len(event) > maxData {
		s.Lacks = "size"
	} else if len(event) > 0 {
		s.Event = event
	}
	if params != nil {
		s.Params = params
	}
	if headers != nil {
		s.Headers = headers
	}
}

// sendData responds with the data of the last run of the flow and of the tests in its text, and with the names that the text may use.
func (b *Builder) sendData(req *Request) error {
	known, err := b.namesFor(req)
	if err != nil {
		return err
	}
	all := []*sample{}
	if flow, err := b.config.Store.Flows().Deployment(req.HTTP.PostFormValue("flow")); err == nil && req.ReadsRuns {
		run, err := b.lastRun(req.HTTP.Context(), flow.Number)
		if err != nil {
			return err
		}
		if run != nil {
			all = append(all, run)
		}
	}
	tests, read := b.testSamples(req.HTTP.Context(), req.Source)
	all = append(all, tests...)
	req.Send("application/json", flows.EncodeJSON(struct {
		Samples []*sample `json:"samples"`
		Read    bool      `json:"read"` // the text has no mistakes: it has no other tests
		Names   names     `json:"names"`
	}{all, read, known}))
	return nil
}

// lastRun returns the data of the latest run of a flow that has ended; nil: there is none among the runs of the last day.
func (b *Builder) lastRun(ctx context.Context, flow int64) (*sample, error) {
	found := ""
	_, _, err := b.config.Runs.List(ctx, queue.List{Most: lookBack, From: time.Now().Add(-maxAge)}, func(r *queue.Record) {
		if found == "" && r.Flow == flow && !r.Times.Finished.IsZero() && !r.Dropped {
			found = r.ID
		}
	})
	if err != nil && !errors.Is(err, queue.ErrHistory) {
		return nil, fmt.Errorf("find last run: %w", err)
	}
	if found == "" {
		return nil, nil
	}
	record, err := b.config.Runs.Record(ctx, found)
	if errors.Is(err, queue.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read last run: %w", err)
	}
	return runSample(&record), nil
}

// runSample returns what the record of a run has.
func runSample(r *queue.Record) *sample {
	s := newSample("run", r.ID)
	at := r.AcceptedAt()
	s.At = &at
	s.setInput(r.Event, r.Params, r.Headers)
	var recorded struct {
		Steps []struct {
			Step  string            `json:"step"`
			Items []json.RawMessage `json:"items"`
		} `json:"steps"`
	}
	_ = json.Unmarshal(r.Steps, &recorded) // written by our own worker; what cannot be read is as if it were not recorded
	for _, step := range recorded.Steps {
		if len(step.Items) > 0 {
			s.put(s.Steps, step.Step, step.Items[0])
		}
	}
	if len(s.Steps) == 0 && s.Lacks == "" {
		s.Lacks = "record"
	}
	return s
}

// testSamples executes the tests in a text. read is false while the text has mistakes.
func (b *Builder) testSamples(ctx context.Context, source []byte) (all []*sample, read bool) {
	flow, err := flows.Parse("flow.yaml", source, b.config.Catalogue)
	if err != nil {
		return nil, false
	}
	ctx, cancel := context.WithTimeout(ctx, maxTrace)
	defer cancel()
	flows.TraceTests(ctx, flow, maxTests, func(name string, run flows.Run) flows.Tracer {
		s := newSample("test", name)
		s.setInput(flows.EncodeJSON(run.Event), run.Params, run.Headers)
		all = append(all, s)
		return &collector{sample: s}
	})
	return all, true
}

// collector is a Tracer that keeps the first item of each step.
type collector struct {
	mu     sync.Mutex
	sample *sample // guarded by mu
}

// Begin keeps the item that a step receives.
func (c *collector) Begin(s flows.StepStart) { c.keep(c.sample.Items, s.Step, s.Items(1)) }

// End keeps the item that a step put out.
func (c *collector) End(s flows.StepEnd) {
	if s.Err == nil {
		c.keep(c.sample.Steps, s.Step, s.Items(1))
	}
}

// Log drops a line.
func (c *collector) Log(flows.LogLine) {}

func (c *collector) keep(to map[string]json.RawMessage, path string, items []any) {
	if len(items) == 0 {
		return
	}
	value := flows.EncodeJSON(items[0])
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sample.put(to, path, value)
}
