package worker

import (
	"encoding/json"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// The kinds of events about the steps of a run, for those who watch it.
const (
	eventBegun = "step_started"
	eventEnded = "step" // numbered: its index among the run's steps, from 1

	eventProgress = "step_progress"
)

// Report implements queue.Reporter.
func (r *record) Report(yield func([]queue.Event)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	events := make([]queue.Event, len(r.steps), len(r.steps)+len(r.open))
	for i := range r.steps {
		events[i] = endedEvent(i+1, &r.steps[i])
	}
	for _, b := range r.open {
		events = append(events, startedEvent(b))
	}
	yield(events)
}

// startedEvent is the event of a step that has begun, with the items that it has processed since.
func startedEvent(b flows.StepStart) queue.Event {
	done := 0
	if b.Done != nil {
		done = int(b.Done.Load())
	}
	return event(0, eventBegun, struct {
		Step   string    `json:"step"`
		Kind   string    `json:"kind"`
		In     int       `json:"in"`
		Done   int       `json:"done,omitempty"`
		At     time.Time `json:"at"`
		Within string    `json:"within,omitempty"`
	}{b.Step, b.Kind, b.In, done, b.At.UTC(), b.Within})
}

func progressEvent(p flows.Progress) queue.Event {
	return event(0, eventProgress, struct {
		Step string `json:"step"`
		Kind string `json:"kind"`
		Done int    `json:"done"`
		In   int    `json:"in"`
	}{p.Step, p.Kind, p.Done, p.In})
}

func endedEvent(number int, s *stepRecord) queue.Event { return event(number, eventEnded, s) }

func event(number int, kind string, what any) queue.Event {
	data, err := json.Marshal(what)
	if err != nil {
		panic(err) // strings, numbers and times can always be encoded
	}
	return queue.Event{Number: number, Kind: kind, Data: data}
}
