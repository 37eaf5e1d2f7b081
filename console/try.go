package console

import (
	"bytes"
	"net/http"

	"github.com/penstock/penstock/console/diagram"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/strictjson"
)

// tryPage shows an editor for an event and a place for the result of the run.
func tryPage(req *requestState) error {
	t, err := req.tryForm()
	if err != nil {
		return err
	}
	return req.render(200, view.TryPage(req.page("flows", t.Name), t))
}

// tryForm returns a flow with example events: those of its tests, or one made from its schema.
func (req *requestState) tryForm() (view.TryForm, error) {
	head, err := req.head()
	if err != nil {
		return view.TryForm{}, err
	}
	t := view.TryForm{FlowRow: req.flowRow(head)}
	source, err := req.console.config.Store.Flows().Source(req.ctx(), head.Number, head.Version)
	if err != nil {
		return t, err
	}
	t.Samples = diagram.Samples(source)
	for _, s := range t.Samples {
		if t.Event == "" {
			t.Event = s.Event
		}
	}
	if number := req.r.URL.Query().Get("delivery"); number != "" {
		if t.Event, err = req.deliveredEvent(number); err != nil {
			return t, err
		}
	}
	flow, ok := req.console.config.Store.Flows().Find(req.r.PathValue("flow"))
	if t.TakesData = ok && flow.Webhook != nil; t.TakesData && t.Event == "" {
		t.Event = exampleEvent(flow.Webhook.Schema)
	}
	return t, nil
}

// exampleEvent returns an event with the properties of a schema.
func exampleEvent(schema any) string {
	object, _ := schema.(map[string]any)
	properties, _ := object["properties"].(map[string]any)
	example := map[string]any{}
	for name, p := range properties {
		example[name] = exampleValue(p)
	}
	return indented(flows.EncodeJSON(example))
}

func exampleValue(property any) any {
	p, _ := property.(map[string]any)
	kind := p["type"]
	if several, ok := kind.([]any); ok && len(several) > 0 {
		kind = several[0]
	}
	switch kind {
	case "integer", "number":
		return 1
	case "boolean":
		return true
	case "array":
		return []any{}
	case "object":
		return map[string]any{}
	}
	return ""
}

// tryFlow starts a run with the event of the form.
func tryFlow(req *requestState) error {
	flow, ok := req.console.config.Store.Flows().Find(req.r.PathValue("flow"))
	if !ok {
		return errNotFound
	}
	event := bytes.TrimSpace([]byte(req.r.PostFormValue("event")))
	if len(event) > 0 {
		if err := strictjson.Check(event, flows.MaxEventDepth); err != nil {
			return &fault{http.StatusBadRequest, "The event is not JSON", err.Error()}
		}
	}
	s, err := req.submission(flow)
	if err != nil {
		return err
	}
	if len(event) > 0 {
		s.Event = event
	}
	if err := req.setFairKey(flow, &s); err != nil {
		return err
	}
	input, err := s.Input()
	if err == nil {
		err = s.Collect(req.ctx(), flow, input)
	}
	if err != nil {
		return &fault{http.StatusBadRequest, "The flow does not take the event", err.Error()}
	}
	if !req.fragment() {
		return req.start(s)
	}
	ticket, err := req.console.config.Queue.Submit(req.ctx(), s)
	if err != nil {
		return err
	}
	ticket.Close()
	return req.render(200, view.TryStarted(ticket.RunID()))
}
