package runaccess

import (
	"encoding/json"
	"slices"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// withoutContent returns a run with its state, steps, times, and the code and step of its error, without what was sent to it and what it
// made of that: event, parameters, headers, output, items, lines of logs, requests, labels, and texts, which may quote such data. It names
// what stays, so that a new member of a run is left out until it is added here.
func withoutContent(r queue.Record) queue.Record {
	cut := r // with what is not exported, for the lists
	cut.Spec = queue.Spec{
		ID: r.ID, Flow: r.Flow, Version: r.Version, Queue: r.Queue, Principal: r.Principal, Accepted: r.Accepted, Limit: r.Limit, Sync: r.Sync,
		ReplayOf: r.ReplayOf, ResumedFrom: r.ResumedFrom, Origin: r.Origin, Depth: r.Depth, FailureOf: r.FailureOf, RequestID: r.RequestID,
	}
	cut.Result = queue.Result{State: r.State, Times: r.Times, Error: errorWithoutText(r.Error)}
	cut.Steps, cut.Labels = stepsWithoutContent(r.Steps), nil
	if r.Triage != nil {
		triage := *r.Triage
		triage.Note = ""
		cut.Triage = &triage
	}
	if r.Retry != nil {
		retry := queue.Retry{Attempts: r.Retry.Attempts, Tries: slices.Clone(r.Retry.Tries)}
		for i := range retry.Tries {
			retry.Tries[i].Error = *errorWithoutText(&retry.Tries[i].Error)
		}
		cut.Retry = &retry
	}
	return cut
}

func errorWithoutText(e *flows.Error) *flows.Error {
	if e == nil {
		return nil
	}
	return &flows.Error{Code: e.Code, Step: e.Step, Status: e.Status, Item: e.Item, SQLState: e.SQLState, Class: e.Class, Upstream: e.Upstream}
}

// The members of the record of a step, and of an item in it, that stay. Read only.
var (
	stepMembers = []string{"step", "kind", "in", "out", "done", "at", "us", "attempts", "replayed", "within", "waiting_until", "waiting_for"}
	itemMembers = []string{"item", "after_us", "us", "attempts", "replayed", "waits", "out"}
)

// stepsWithoutContent returns the record of the steps of a run without errors, items, lines of logs and requests; nil when it cannot be
// read.
func stepsWithoutContent(record json.RawMessage) json.RawMessage {
	var kept struct {
		Steps   []json.RawMessage `json:"steps"`
		Dropped int               `json:"dropped,omitempty"`
	}
	if record == nil || json.Unmarshal(record, &kept) != nil {
		return nil
	}
	for i, step := range kept.Steps {
		kept.Steps[i] = stepWithoutContent(step)
	}
	return encode(kept)
}

func stepWithoutContent(step json.RawMessage) json.RawMessage {
	all := members(step, append(slices.Clip(stepMembers), "each"))
	var each []json.RawMessage
	if json.Unmarshal(all["each"], &each) != nil {
		delete(all, "each")
		return encode(all)
	}
	for i, item := range each {
		each[i] = encode(members(item, itemMembers))
	}
	all["each"] = encode(each)
	return encode(all)
}

// members returns those members of an object that are named.
func members(object json.RawMessage, names []string) map[string]json.RawMessage {
	var all map[string]json.RawMessage
	_ = json.Unmarshal(object, &all) // nothing is left of what is no object
	kept := map[string]json.RawMessage{}
	for name, value := range all {
		if slices.Contains(names, name) {
			kept[name] = value
		}
	}
	return kept
}

func encode(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // JSON that was read can be written
	}
	return text
}

// Event returns an event of a run for somebody who may not see what the run contains; false: it is left out.
func Event(e queue.Event) (queue.Event, bool) {
	switch e.Kind {
	case queue.EventState:
		return e, true
	case "step", "step_started", "step_progress":
		e.Data = stepWithoutContent(e.Data)
		return e, true
	}
	return queue.Event{}, false
}
