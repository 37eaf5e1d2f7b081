package workbench

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/internal/deliveries"
	"github.com/penstock/penstock/internal/mask"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// delivery returns a delivery of the flow in the path. The content is nil when it is not kept, or the user may not record it.
// Its reading is audited.
func (b *Workbench) delivery(r *Request, ref string) (store.Deployment, *deliveries.Delivery, *deliveries.Content, error) {
	head, err := b.head(r)
	if err != nil {
		return head, nil, nil, err
	}
	number, err := strconv.ParseInt(ref, 10, 64)
	if err != nil {
		return head, nil, nil, store.ErrNotFound
	}
	d, content, err := b.config.Deliveries.Find(r.ctx(), head.Number, number)
	if !r.May(auth.ScopeWriteRuns) {
		content = nil
	}
	if err == nil && content != nil {
		r.Audit(r.HTTP.Pattern, fmt.Sprintf("flow:%d/delivery:%d", head.Number, number))
	}
	return head, d, content, err
}

// showDelivery shows a delivery, and what the flow makes of it.
func (b *Workbench) showDelivery(r *Request) error {
	head, d, content, err := b.delivery(r, r.HTTP.PathValue("delivery"))
	if err != nil {
		return err
	}
	page, err := b.deliveryOf(r, &head, d, content)
	if err != nil {
		return err
	}
	flow, run, err := b.readDelivery(head, d, content)
	var why *deliveries.UnrepeatableError
	switch {
	case errors.As(err, &why):
		page.Unrepeatable = why.Reason
	case err != nil:
		return err
	default:
		page.Repeatable, page.Test = true, flow.TestText(r.ctx(), sampleName(d), run)
	}
	return r.Render(200, view.DeliveryPage(r.Page("flows", page.Name), page))
}

// deliveryOf returns a delivery with what became of its run, and what the flow expects.
func (b *Workbench) deliveryOf(r *Request, head *store.Deployment, d *deliveries.Delivery, content *deliveries.Content) (view.Delivery, error) {
	page := view.Delivery{FlowRow: r.Flow(*head), Content: content}
	arrivals, err := b.lookAt(head.Number).arrivals(r.ctx(), []deliveries.Delivery{*d})
	if err != nil {
		return page, err
	}
	page.Arrival = arrivals[0]
	flow, now, err := b.judge(r, head.Number, d.Version)
	if err == nil && flow != nil && flow.Webhook != nil && flow.Webhook.Verify != nil {
		page.SetChecks(r.HTTP.Context(), flow.Webhook.Verify.Sender, now)
	}
	return page, err
}

// judge returns the version of a flow that judged a delivery. If that is not known or not kept it returns the current one, and that it
// is; nil: there is none.
func (b *Workbench) judge(r *Request, number int64, version string) (flow *flows.Flow, now bool, err error) {
	all := b.config.Store.Flows()
	if version != "" {
		flow, err = all.Version(r.ctx(), number, version)
		var problems problem.List
		if err == nil || !errors.Is(err, store.ErrNotFound) && !errors.As(err, &problems) {
			return flow, false, err
		}
	}
	flow, _ = all.Find(strconv.FormatInt(number, 10))
	return flow, true, nil
}

// readDelivery returns the flow and the run of a recorded delivery. The error may be a *deliveries.UnrepeatableError.
func (b *Workbench) readDelivery(head store.Deployment, d *deliveries.Delivery, content *deliveries.Content) (*flows.Flow, flows.Run, error) {
	flow, ok := b.config.Store.Flows().Find(strconv.FormatInt(head.Number, 10))
	if !ok {
		return nil, flows.Run{}, store.ErrNotFound
	}
	if err := content.Repeatable(); err != nil {
		return nil, flows.Run{}, err
	}
	run, err := flow.ReadDelivery(d.Method, content.Header, content.Query, content.Body)
	if err != nil {
		err = &deliveries.UnrepeatableError{Reason: err.Error()}
	}
	return flow, run, err
}

// repeated returns the flow and the run of the delivery in the path for who may see and repeat it.
func (b *Workbench) repeated(r *Request) (head store.Deployment, d *deliveries.Delivery, flow *flows.Flow, run flows.Run, err error) {
	if !r.May(auth.ScopeReadRuns) {
		return head, nil, nil, run, errForbidden(r)
	}
	head, d, content, err := b.delivery(r, r.HTTP.PathValue("delivery"))
	if err == nil {
		flow, run, err = b.readDelivery(head, d, content)
	}
	return head, d, flow, run, err
}

// showRedelivery says what delivering again would do.
func (b *Workbench) showRedelivery(r *Request) error {
	head, d, flow, _, err := b.repeated(r)
	if err != nil {
		return err
	}
	page, err := b.deliveryOf(r, &head, d, nil)
	if err != nil {
		return err
	}
	v := view.Redelivery{Delivery: page, Version: flow.Version, Paused: !head.Paused.IsZero()}
	for _, step := range flow.ExternalSteps() {
		v.Effects = append(v.Effects, step.Path)
	}
	if d.Run != "" {
		if _, err := b.config.Queue.Record(r.ctx(), d.Run); err == nil {
			v.Started = true
		} else if !errors.Is(err, queue.ErrNotFound) {
			return err
		}
	}
	return r.Render(200, view.RedeliverPage(r.Page("flows", language.T(r.HTTP.Context(), "Redeliver")), v))
}

// redeliver starts a run of the user with what a recorded delivery says.
func (b *Workbench) redeliver(r *Request) error {
	_, _, flow, run, err := b.repeated(r)
	if err != nil {
		return err
	}
	s, err := r.Submission(flow)
	if err != nil {
		return err
	}
	if s.Params, s.Headers = run.Params, run.Headers; run.Event != nil {
		s.Event = flows.EncodeJSON(run.Event)
	}
	if err := r.FairKey(flow, &s); err != nil {
		return err
	}
	return r.Start(s)
}

// sampleName is the name of the test that a delivery becomes.
func sampleName(d *deliveries.Delivery) string { return fmt.Sprintf("delivery %d", d.Number) }

// makeSample shows the flow in the editor with a test made of a recorded delivery, which is the first sample then. Nothing is saved.
func (b *Workbench) makeSample(r *Request) error {
	if !r.May(auth.ScopeWriteRuns) {
		return errForbidden(r)
	}
	head, d, flow, run, err := b.repeated(r)
	if err != nil {
		return err
	}
	masker := mask.New()
	run.Event = masker.Value(run.Event)
	run.Params, run.Headers = masker.Texts(run.Params), masker.Texts(run.Headers)
	draft := Draft{
		Entry:  flow.TestText(r.ctx(), sampleName(d), run),
		Notice: language.T(r.HTTP.Context(), "Delivery %s is the last test of the file, and with that a sample of the flow. Nothing is saved yet.", strconv.FormatInt(d.Number, 10)),
	}
	if len(flow.ExternalSteps()) > 0 {
		draft.Lacks = language.T(r.HTTP.Context(), "it says with what the steps with effects answer (mocks), and what the flow puts out then")
	}
	return r.Draft(head, draft)
}
