package workbench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/diagram"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/recording"
	"github.com/penstock/penstock/internal/strictjson"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// showTry shows an editor for an event and a place for the result of the run.
func (b *Workbench) showTry(r *Request) error {
	head, t, err := b.tryForm(r)
	if err != nil {
		return err
	}
	if err := b.addSources(r, &head, &t); err != nil {
		return err
	}
	return r.Render(http.StatusOK, view.TryPage(r.Page("flows", t.Name), t))
}

// tryForm returns a flow with an event to begin with: that which the query names, else that of a test, else one made from the schema.
func (b *Workbench) tryForm(r *Request) (store.Deployment, view.TryForm, error) {
	head, err := b.head(r)
	if err != nil {
		return head, view.TryForm{}, err
	}
	t := view.TryForm{FlowRow: r.Flow(head)}
	source, err := b.config.Store.Flows().Source(r.ctx(), head.Number, head.Version)
	if err != nil {
		return head, t, err
	}
	t.Samples = diagram.Samples(source)
	flow, ok := b.config.Store.Flows().Find(r.HTTP.PathValue("flow"))
	if !ok {
		return head, t, nil
	}
	t.TakesData = flow.Webhook != nil
	t.Mocks = mocksText(flow, flow.TestMocks())
	run, err := b.startFrom(r, flow, &t)
	if err != nil {
		return head, t, err
	}
	for _, s := range t.Samples {
		if t.Event == "" && t.From == "" {
			t.Event = s.Event
		}
	}
	if t.TakesData && t.Event == "" && t.From == "" {
		t.Event = exampleEvent(flow.Webhook.Schema)
	}
	for _, name := range flow.Headers() {
		t.Headers = append(t.Headers, view.TryValue{Name: name, Value: run.Headers[name]})
	}
	if flow.Webhook != nil {
		for _, name := range flow.Webhook.Params {
			t.Params = append(t.Params, view.TryValue{Name: name, Value: run.Params[name]})
		}
	}
	return head, t, nil
}

// startFrom returns the run that the query names: a recorded delivery, or a run of the flow. Its event is in t.
func (b *Workbench) startFrom(r *Request, flow *flows.Flow, t *view.TryForm) (run flows.Run, err error) {
	query := r.HTTP.URL.Query()
	delivery, id := query.Get("delivery"), query.Get("run")
	if delivery == "" && id == "" {
		return run, nil
	}
	if !r.May(auth.ScopeReadRuns) {
		return run, errForbidden(r)
	}
	if delivery != "" {
		head, d, content, err := b.delivery(r, delivery)
		if err == nil {
			_, run, err = b.readDelivery(head, d, content)
		}
		t.From, t.Event = language.T(r.HTTP.Context(), "delivery %s", delivery), indented(flows.EncodeJSON(run.Event))
		return run, err
	}
	record, err := b.config.Queue.Record(r.ctx(), id)
	switch {
	case err != nil:
		return run, err
	case record.Flow != flow.Number:
		return run, store.ErrNotFound
	case record.Dropped:
		return run, queue.ErrDropped
	}
	t.From = language.T(r.HTTP.Context(), "run %s", id)
	if len(record.Event) > 0 {
		t.Event = indented(record.Event)
	}
	if mocks := b.mocksOf(r.ctx(), &record); mocks != nil {
		t.Mocks = mocksText(flow, mocks)
	}
	return flows.Run{Params: record.Params, Headers: record.Headers}, nil
}

// mocksOf returns what the steps with effects answered in a run; nil: it is not recorded, or does not repeat the run.
func (b *Workbench) mocksOf(ctx context.Context, r *queue.Record) map[string]any {
	flow, err := b.config.Store.Flows().Version(ctx, r.Flow, r.Version)
	if err != nil {
		return nil
	}
	s := recording.Source{Flow: flow, Event: r.Event, Params: r.Params, Headers: r.Headers, Steps: r.Steps, Output: r.Output}
	switch {
	case r.State == queue.Failed && r.Error != nil:
		s.Failed = &recording.Failure{Code: string(r.Error.Code), Step: r.Error.Step}
	case r.State != queue.Succeeded:
		return nil
	case len(s.Output) == 0:
		s.Output = []byte("[]")
	}
	run, err := recording.New(ctx, s)
	if err != nil {
		return nil
	}
	return run.Mocks()
}

// mocksText returns mocks as JSON, with an empty object for each step with effects that has none; empty: the flow has no such steps.
func mocksText(flow *flows.Flow, mocks map[string]any) string {
	steps := flow.ExternalSteps()
	if len(steps) == 0 {
		return ""
	}
	all := map[string]any{}
	for name, mock := range mocks {
		all[name] = mock
	}
	for _, s := range steps {
		if _, known := all[s.Mock]; !known && len(mocks) == 0 {
			all[s.Mock] = map[string]any{}
		}
	}
	return indented(flows.EncodeJSON(all))
}

// maxSources is the number of deliveries, and of runs, that a try may begin with.
const maxSources = 10

// addSources adds what a try may begin with, and what it would lack.
func (b *Workbench) addSources(r *Request, head *store.Deployment, t *view.TryForm) error {
	if r.May(auth.ScopeReadRuns) {
		list := queue.List{Most: maxSources, Where: queue.OfFlow(head.Number)}
		_, _, err := b.config.Queue.List(r.ctx(), list, func(found *queue.Record) {
			if found.Flow == head.Number && len(t.Runs) < maxSources {
				t.Runs = append(t.Runs, view.TryRun{ID: found.ID, State: string(found.State), At: found.AcceptedAt()})
			}
		})
		if err != nil {
			return err
		}
	}
	if r.May(auth.ScopeReadRuns) && r.May(auth.ScopeWriteRuns) {
		recent, err := b.config.Deliveries.Recent(r.ctx(), head.Number)
		if err != nil {
			return err
		}
		for i := range recent {
			if recent[i].Recorded && len(t.Deliveries) < maxSources {
				t.Deliveries = append(t.Deliveries, recent[i])
			}
		}
	}
	flow, ok := b.config.Store.Flows().Find(strconv.FormatInt(head.Number, 10))
	if !ok {
		return nil
	}
	for _, p := range b.config.Store.Flows().Missing(r.ctx(), "flow.yaml", flow) {
		t.Missing = append(t.Missing, p.Message)
	}
	none, err := b.noWorker(r.ctx(), flow.Queue)
	if none {
		t.NoWorker = flow.Queue
	}
	return err
}

// noWorker reports whether no worker executes the runs of a queue.
func (b *Workbench) noWorker(ctx context.Context, name string) (bool, error) {
	workers, err := b.config.Workers(ctx)
	if err != nil {
		return false, err
	}
	for i := range workers {
		if workers[i].Lost {
			continue
		}
		for _, q := range workers[i].Queues {
			if q.Queue == name || strings.HasPrefix(q.Queue, name+"~") {
				return false, nil
			}
		}
	}
	return true, nil
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

// indented returns JSON with line breaks; what is no JSON as it is.
func indented(text []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, text, "", "  ") != nil {
		return string(text)
	}
	return b.String()
}

// tryFlow starts a run with the event of the form, or executes it here with mocks.
func (b *Workbench) tryFlow(r *Request) error {
	flow, err := b.flow(r)
	if err != nil {
		return err
	}
	event := bytes.TrimSpace([]byte(r.HTTP.PostFormValue("event")))
	if size := int64(len(event)); size > b.config.MaxBody {
		return r.Fault(http.StatusRequestEntityTooLarge, language.Key("The event is too large"), view.TooLarge(r.HTTP.Context(), size, b.config.MaxBody))
	}
	if len(event) > 0 {
		if err := strictjson.Check(event, flows.MaxEventDepth); err != nil {
			return r.Fault(http.StatusBadRequest, language.Key("The event is not JSON"), err.Error())
		}
	}
	s, err := r.Submission(flow)
	if err != nil {
		return err
	}
	if len(event) > 0 {
		s.Event = event
	}
	if s.Headers, s.Params, err = b.tryValues(r, flow); err != nil {
		return err
	}
	if r.HTTP.PostFormValue("dry") == "yes" {
		return b.dryRun(r, flow, &s)
	}
	if err := r.FairKey(flow, &s); err != nil {
		return err
	}
	input, err := s.Input()
	if err == nil {
		err = s.Collect(r.ctx(), flow, input)
	}
	if err != nil {
		return r.Fault(http.StatusBadRequest, language.Key("The flow does not take the event"), err.Error())
	}
	if !r.Fragment {
		return r.Start(s)
	}
	none, err := b.noWorker(r.ctx(), flow.Queue)
	if err != nil {
		return err
	}
	ticket, err := b.config.Queue.Submit(r.ctx(), s)
	if err != nil {
		return err
	}
	ticket.Close()
	return r.Render(http.StatusOK, view.TryStarted(ticket.RunID(), none))
}

// Fields of the form for a header and a parameter; the name follows.
const prefixHeader, prefixParam = "header.", "param."

// maxValue is the maximum length of a header or parameter of a try, in bytes.
const maxValue = 8 << 10

// tryValues returns the headers and parameters of the form that the flow reads; empty ones are left out.
func (b *Workbench) tryValues(r *Request, flow *flows.Flow) (headers, params map[string]string, err error) {
	read := func(prefix string, names []string) map[string]string {
		var all map[string]string
		for _, name := range names {
			value := r.HTTP.PostFormValue(prefix + name)
			if value == "" {
				continue
			}
			if len(value) > maxValue || strings.ContainsAny(value, "\r\n\x00") {
				err = r.Fault(http.StatusBadRequest, language.Key("A value cannot be sent"), language.T(r.HTTP.Context(), "%s must be one line of at most 8,192 bytes.", name))
			}
			if all == nil {
				all = map[string]string{}
			}
			all[name] = value
		}
		return all
	}
	headers = read(prefixHeader, flow.Headers())
	if flow.Webhook != nil {
		params = read(prefixParam, flow.Webhook.Params)
	}
	return headers, params, err
}

// dryRunLimit is the maximum duration of a dry run.
const dryRunLimit = 10 * time.Second

// dryRun executes a flow in this process: nothing is sent, and no run is recorded. Steps with effects answer with the mocks of the form.
func (b *Workbench) dryRun(r *Request, flow *flows.Flow, s *queue.Submission) error {
	mocks := map[string]any{}
	if text := strings.TrimSpace(formText(r, "mocks")); text != "" {
		err := strictjson.Check([]byte(text), flows.MaxEventDepth)
		var v any
		if err == nil {
			v, err = flows.DecodeJSON([]byte(text))
		}
		if err != nil {
			return r.Fault(http.StatusBadRequest, language.Key("The mocks are not JSON"), err.Error())
		}
		object, ok := v.(map[string]any)
		if !ok {
			return r.Fault(http.StatusBadRequest, language.Key("The mocks are no object"), language.Key(`Write {"STEP": RESULT}, with the name of each step that has an effect.`))
		}
		mocks = object
	}
	run, err := s.Input()
	if err != nil {
		return r.Fault(http.StatusBadRequest, language.Key("The flow does not take the event"), err.Error())
	}
	limited, cancel := context.WithTimeout(r.ctx(), dryRunLimit)
	defer cancel()
	began := time.Now()
	output, err := flow.RunWithMocks(limited, run, mocks)
	d := view.DryRun{Took: time.Since(began)}
	var failure *flows.Error
	switch {
	case r.ctx().Err() != nil:
		return r.ctx().Err()
	case limited.Err() != nil:
		d.Failure = &view.Failure{Code: string(flows.CodeLimit), Message: language.T(r.HTTP.Context(), "A dry run takes 10 s at most.")}
	case errors.As(err, &failure):
		d.Failure = &view.Failure{Code: string(failure.Code), Message: failure.Message, Step: failure.Step, Status: failure.Status, Item: -1}
	case err != nil:
		d.Failure = &view.Failure{Message: err.Error(), Item: -1}
	default:
		d.Output = flows.EncodeJSON(output)
	}
	for _, step := range flow.ExternalSteps() {
		d.Mocked = append(d.Mocked, step.Path)
	}
	if r.Fragment {
		return r.Render(http.StatusOK, view.DryRunResult(d))
	}
	head, err := b.head(r)
	if err != nil {
		return err
	}
	return r.Render(http.StatusOK, view.DryRunPage(r.Page("flows", language.T(r.HTTP.Context(), "Dry run")), r.Flow(head), d))
}
