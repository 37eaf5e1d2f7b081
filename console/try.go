package console

import (
	"bytes"
	"net/http"

	"github.com/penstock/penstock/console/picture"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/strictjson"
)

// maxDepth is how deep an event may nest, as at the doors.
const maxDepth = 64

// tryPage has an editor for an event, and room for what becomes of it.
func tryPage(x *exchange) error {
	t, err := x.trial()
	if err != nil {
		return err
	}
	return x.show(200, view.TryPage(x.page("flows", t.Name), t))
}

// trial is a flow with events to try it with.
func (x *exchange) trial() (view.Trial, error) {
	head, err := x.head()
	if err != nil {
		return view.Trial{}, err
	}
	t := view.Trial{FlowRow: x.flowRow(head)}
	source, err := x.console.config.Store.Flows().Source(x.ctx(), head.Number, head.Version)
	if err != nil {
		return t, err
	}
	t.Samples = picture.Samples(source)
	for _, s := range t.Samples {
		if t.Event == "" {
			t.Event = s.Event
		}
	}
	flow, ok := x.console.config.Store.Flows().Find(x.r.PathValue("flow"))
	if t.TakesData = ok && flow.Webhook != nil; t.TakesData && t.Event == "" {
		t.Event = exampleOf(flow.Webhook.Schema)
	}
	return t, nil
}

// exampleOf makes an event that a schema may take.
func exampleOf(schema any) string {
	object, _ := schema.(map[string]any)
	properties, _ := object["properties"].(map[string]any)
	example := map[string]any{}
	for name, p := range properties {
		example[name] = placeholder(p)
	}
	return indented(flows.EncodeJSON(example))
}

func placeholder(property any) any {
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

// tryFlow runs a flow with an event of the user's.
func tryFlow(x *exchange) error {
	flow, ok := x.console.config.Store.Flows().Find(x.r.PathValue("flow"))
	if !ok {
		return errNothing
	}
	event := bytes.TrimSpace([]byte(x.r.PostFormValue("event")))
	if len(event) > 0 {
		if err := strictjson.Check(event, maxDepth); err != nil {
			return &fault{http.StatusBadRequest, "The event is not JSON", err.Error()}
		}
	}
	s := x.submission(flow)
	if len(event) > 0 {
		s.Event = event
	}
	if err := x.setFairKey(flow, &s); err != nil {
		return err
	}
	if !x.fragment() {
		return x.start(s)
	}
	ticket, err := x.console.config.Queue.Submit(x.ctx(), s)
	if err != nil {
		return err
	}
	ticket.Close()
	return x.show(200, view.TryStarted(ticket.RunID()))
}
