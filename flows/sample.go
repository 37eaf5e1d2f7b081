package flows

import (
	"maps"

	"github.com/penstock/penstock/internal/inferred"
	"github.com/penstock/penstock/internal/mask"
)

// Sample is one of the flow's tests, as documentation of what the flow takes and returns. The fields that a step of
// the flow redacts are masked, as in the records of runs.
type Sample struct {
	Name      string
	Operation string         // of an http trigger: the name of the operation; else empty
	Params    map[string]any // parameters as the test gives them
	Body      any            // the event; of an http trigger the request's body. nil: none

	Succeeds bool
	Output   []any          // of a run that succeeds
	Error    map[string]any // any of code, message, step and status, of a run that fails; nil when the test has a part of the message only
}

// Samples are the flow's tests in their order. Those whose event is none of the trigger's are left out.
func (f *Flow) Samples() []Sample {
	all := make([]Sample, 0, len(f.tests))
	for i := range f.tests {
		t := &f.tests[i]
		s := Sample{Name: t.name, Succeeds: !t.fails, Body: t.run.Event, Params: map[string]any{}}
		for name, text := range t.run.Params {
			s.Params[name] = text
		}
		if f.HTTP != nil && !f.httpSample(t, &s) {
			continue
		}
		if s.Succeeds {
			s.Output, _ = f.masked(t.output).([]any)
		} else if want, ok := t.want.(map[string]any); ok {
			s.Error, _ = f.masked(want).(map[string]any)
		}
		s.Body = f.masked(s.Body)
		s.Params, _ = f.masked(s.Params).(map[string]any)
		all = append(all, s)
	}
	return all
}

// httpSample sets what the event of a test says of an http trigger; false: it names no operation.
func (f *Flow) httpSample(t *test, s *Sample) bool {
	event, _ := t.run.Event.(map[string]any)
	o := f.operationOf(event)
	if o == nil {
		return false
	}
	params, _ := event[eventParams].(map[string]any)
	s.Operation, s.Params, s.Body = o.Name, maps.Clone(params), event[eventBody]
	return true
}

func (f *Flow) operationOf(event map[string]any) *Operation {
	e := maps.Clone(event)
	if e == nil {
		e = map[string]any{}
	}
	o, err := f.eventOperation(e)
	if err != nil {
		return nil
	}
	return o
}

// masked returns a value with the fields masked that some step redacts, and in such a flow also texts and numbers
// outside of any field.
func (f *Flow) masked(v any) any {
	if len(f.redacts) == 0 {
		return v
	}
	return mask.Fields(f.redacts).Unnamed(v)
}

// InferOutput returns a JSON Schema of an output item, made from the outputs that the tests expect of an operation, or
// of the flow when the name is empty; nil when no test expects an item. It has the types of the values and no value.
func (f *Flow) InferOutput(operation string) map[string]any {
	var items []any
	for i := range f.tests {
		t := &f.tests[i]
		list, _ := t.output.([]any)
		if operation != "" {
			event, _ := t.run.Event.(map[string]any)
			if o := f.operationOf(event); o == nil || o.Name != operation {
				continue
			}
		}
		items = append(items, list...)
	}
	if len(items) == 0 {
		return nil
	}
	return inferred.Schema(items)
}
