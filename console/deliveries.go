package console

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/deliveries"
	"github.com/penstock/penstock/internal/entrylog"
	"github.com/penstock/penstock/store"
)

// maxDeliveries is the number of deliveries of a page.
const maxDeliveries = 500

// deliveriesPage lists what arrived at the webhook of a flow, the newest first.
func deliveriesPage(req *requestState) error {
	head, err := req.head()
	if err != nil {
		return err
	}
	d := view.Deliveries{FlowRow: req.flowRow(head), URL: req.console.base(req.r) + "/hooks/" + hookName(head)}
	within := deliveries.Range{Most: maxDeliveries}
	if after := req.r.URL.Query().Get("after"); after != "" {
		if within.After, err = entrylog.ParsePlace(after); err != nil {
			return errNotFound
		}
		d.Later = true
	}
	var more bool
	d.Items, more, err = req.console.config.Deliveries.List(req.ctx(), head.Number, within)
	if d.Away = errors.Is(err, entrylog.ErrHistory); err != nil && !d.Away {
		return err
	}
	if more {
		d.Older = d.Items[len(d.Items)-1].Place().String()
	}
	if req.fragment() {
		return req.render(200, view.DeliveriesFragment(req.page("flows", ""), d))
	}
	if d.Until, err = req.console.config.Deliveries.Until(req.ctx(), head.Number); err != nil {
		return err
	}
	return req.render(200, view.DeliveriesPage(req.page("flows", d.Name), d))
}

// hookName returns how the URL of a webhook names the flow.
func hookName(head store.Deployment) string {
	if head.Slug != "" {
		return head.Slug
	}
	return strconv.FormatInt(head.Number, 10)
}

// switchRecording begins or ends the recording of headers and bodies.
func switchRecording(req *requestState) error {
	head, err := req.head()
	if err != nil {
		return err
	}
	if req.r.PostFormValue("on") == "true" {
		_, err = req.console.config.Deliveries.Record(req.ctx(), head.Number, deliveries.DefaultRecording, 0)
	} else {
		err = req.console.config.Deliveries.Stop(req.ctx(), head.Number)
	}
	if err != nil {
		return err
	}
	req.audit("POST "+Root+"/flows/{flow}/recording", "flow:"+strconv.FormatInt(head.Number, 10))
	return req.redirect(Root + "/flows/" + strconv.FormatInt(head.Number, 10) + "/deliveries")
}

// delivery returns a delivery of the flow in the path. The content is nil when it is not kept, or the user may not record it.
// Its reading is audited.
func (req *requestState) delivery(ref string) (store.Deployment, *deliveries.Delivery, *deliveries.Content, error) {
	head, err := req.head()
	if err != nil {
		return head, nil, nil, err
	}
	number, err := strconv.ParseInt(ref, 10, 64)
	if err != nil {
		return head, nil, nil, errNotFound
	}
	d, content, err := req.console.config.Deliveries.Find(req.ctx(), head.Number, number)
	if !req.may(auth.ScopeWriteRuns) {
		content = nil
	}
	if err == nil && content != nil {
		req.audit(req.r.Pattern, fmt.Sprintf("flow:%d/delivery:%d", head.Number, number))
	}
	return head, d, content, err
}

// deliveryPage shows a delivery, and what the flow makes of it.
func deliveryPage(req *requestState) error {
	head, d, content, err := req.delivery(req.r.PathValue("delivery"))
	if err != nil {
		return err
	}
	page := view.Delivery{FlowRow: req.flowRow(head), Delivery: *d, Content: content}
	flow, run, err := req.readDelivery(head, d, content)
	var why *deliveries.UnrepeatableError
	switch {
	case errors.As(err, &why):
		page.Unrepeatable = why.Reason
	case err != nil:
		return err
	default:
		page.Repeatable, page.Test = true, flow.TestText(req.ctx(), fmt.Sprintf("delivery %d", d.Number), run)
	}
	return req.render(200, view.DeliveryPage(req.page("flows", page.Name), page))
}

// readDelivery returns the flow and the run of a recorded delivery. The error may be a *deliveries.UnrepeatableError.
func (req *requestState) readDelivery(head store.Deployment, d *deliveries.Delivery, content *deliveries.Content) (*flows.Flow, flows.Run, error) {
	flow, ok := req.console.config.Store.Flows().Find(strconv.FormatInt(head.Number, 10))
	if !ok {
		return nil, flows.Run{}, errNotFound
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

// deliveredEvent returns the event of a recorded delivery, for the page that tries a flow.
func (req *requestState) deliveredEvent(ref string) (string, error) {
	if !req.may(auth.ScopeReadRuns) {
		return "", errForbidden
	}
	head, d, content, err := req.delivery(ref)
	if err != nil {
		return "", err
	}
	_, run, err := req.readDelivery(head, d, content)
	return indented(flows.EncodeJSON(run.Event)), err
}

// redeliver starts a run of the user with what a recorded delivery says.
func redeliver(req *requestState) error {
	if !req.may(auth.ScopeReadRuns) {
		return errForbidden
	}
	head, d, content, err := req.delivery(req.r.PathValue("delivery"))
	if err != nil {
		return err
	}
	flow, run, err := req.readDelivery(head, d, content)
	if err != nil {
		return err
	}
	s, err := req.submission(flow)
	if err != nil {
		return err
	}
	if s.Params, s.Headers = run.Params, run.Headers; run.Event != nil {
		s.Event = flows.EncodeJSON(run.Event)
	}
	if err := req.setFairKey(flow, &s); err != nil {
		return err
	}
	return req.start(s)
}

// openCapture opens a URL that takes any request for ten minutes.
func openCapture(req *requestState) error {
	c, err := req.console.config.Deliveries.OpenCapture(req.ctx(), req.who.String(), deliveries.DefaultCapture)
	if err != nil {
		return err
	}
	req.audit("POST "+Root+"/captures", "")
	return req.redirect(Root + "/captures/" + c.Token)
}

// capturePage shows what came to a capture of the user.
func capturePage(req *requestState) error {
	c, err := req.console.config.Deliveries.FindCapture(req.ctx(), req.who.String(), req.r.PathValue("capture"))
	if errors.Is(err, deliveries.ErrNotFound) && req.fragment() { // the page is open for longer than the capture
		return req.render(200, view.CaptureFragment(req.page("flows", ""), view.Capture{Ended: true}))
	}
	if err != nil {
		return err
	}
	v := view.Capture{Capture: *c, URL: req.console.base(req.r) + "/hooks/captures/" + c.Token}
	if req.fragment() {
		return req.render(200, view.CaptureFragment(req.page("flows", ""), v))
	}
	return req.render(200, view.CapturePage(req.page("flows", "Capture"), v))
}

// closeCapture ends a capture, and deletes what came.
func closeCapture(req *requestState) error {
	if err := req.console.config.Deliveries.CloseCapture(req.ctx(), req.who.String(), req.r.PathValue("capture")); err != nil {
		return err
	}
	req.setNotice("The capture has ended, and what came is deleted.")
	return req.redirect(Root + "/flows")
}
