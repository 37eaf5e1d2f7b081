package workbench

import (
	"context"
	"errors"
	"strconv"

	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/internal/deliveries"
	"github.com/penstock/penstock/internal/entrylog"
	"github.com/penstock/penstock/store"
)

const (
	pageSize  = 50  // deliveries of a page
	chunkSize = 100 // deliveries that are read at once
	// maxLooked is the maximum number of deliveries that one page looks at for those of a filter.
	maxLooked = 500
)

// showDeliveries shows what to enter at the sender, and what arrived at the webhook of a flow, the newest first.
func (b *Workbench) showDeliveries(r *Request) error {
	head, err := b.head(r)
	if err != nil {
		return err
	}
	d := view.Deliveries{FlowRow: r.Flow(head), Show: shownBy(r.HTTP.URL.Query().Get("show"))}
	within := deliveries.Range{Most: chunkSize}
	if after := r.HTTP.URL.Query().Get("after"); after != "" {
		if within.After, err = entrylog.ParsePlace(after); err != nil {
			return store.ErrNotFound
		}
		d.Later = true
	}
	if err := b.list(r.ctx(), head.Number, within, &d); err != nil {
		return err
	}
	if d.Recording, err = b.config.Deliveries.Recorded(r.ctx(), head.Number); err != nil {
		return err
	}
	if err := b.addLast(r.ctx(), head.Number, &d); err != nil {
		return err
	}
	if r.Fragment {
		return r.Render(200, view.DeliveriesFragment(r.Page("flows", ""), d))
	}
	if d.Setup, err = b.setup(r, &head); err != nil {
		return err
	}
	return r.Render(200, view.DeliveriesPage(r.Page("flows", d.Name), d))
}

// shownBy returns a filter of the list; empty: all.
func shownBy(text string) string {
	for _, name := range view.DeliveryFilters() {
		if name == text {
			return name
		}
	}
	return ""
}

// list fills in a page of deliveries, and the place where the next one begins.
func (b *Workbench) list(ctx context.Context, flow int64, within deliveries.Range, d *view.Deliveries) error {
	looking := b.lookAt(flow)
	for looked := 0; ; {
		all, more, err := b.config.Deliveries.List(ctx, flow, within)
		if d.Away = errors.Is(err, entrylog.ErrHistory); err != nil && !d.Away {
			return err
		}
		arrivals, err := looking.arrivals(ctx, all)
		if err != nil {
			return err
		}
		for i := range arrivals {
			if !arrivals[i].Is(d.Show) {
				continue
			}
			if d.Items = append(d.Items, arrivals[i]); len(d.Items) == pageSize {
				if i+1 < len(arrivals) || more {
					d.Older = arrivals[i].Place().String()
				}
				return nil
			}
		}
		if looked += len(all); !more || len(all) == 0 {
			return nil
		}
		within.After = all[len(all)-1].Place()
		if looked >= maxLooked {
			d.Older, d.LookedTo = within.After.String(), all[len(all)-1].At
			return nil
		}
	}
}

// arrivals adds to deliveries what became of their runs.
func (l *look) arrivals(ctx context.Context, all []deliveries.Delivery) ([]view.Arrival, error) {
	runs, first := map[string]bool{}, map[string]int64{}
	for i := range all {
		if all[i].Run == "" {
			continue
		}
		if runs[all[i].Run] = true; !all[i].Repeated {
			first[all[i].Run] = all[i].Number
		}
	}
	became, err := l.outcomesOf(ctx, runs)
	if err != nil {
		return nil, err
	}
	arrivals := make([]view.Arrival, len(all))
	for i := range all {
		arrivals[i] = view.Arrival{Delivery: all[i], Outcome: became[all[i].Run]}
		if all[i].Repeated {
			arrivals[i].First = first[all[i].Run]
		}
	}
	return arrivals, nil
}

// addLast adds the last accepted and the last rejected delivery, as far as Redis has them.
func (b *Workbench) addLast(ctx context.Context, flow int64, d *view.Deliveries) error {
	recent, err := b.config.Deliveries.Recent(ctx, flow)
	if err != nil {
		return err
	}
	for i := len(recent) - 1; i >= 0; i-- {
		switch recent[i].Verdict {
		case deliveries.Accepted:
			d.LastAccepted = &recent[i]
		case deliveries.Rejected:
			d.LastRejected = &recent[i]
		case deliveries.Answered:
			d.LastAnswered = &recent[i]
		}
	}
	return nil
}

// recordings are the choices of how much is recorded: the next requests, or all of an hour. Read only.
var recordings = map[string]int{"1": 1, "10": 10, "50": 50, "": 0}

// switchRecording begins or ends the recording of headers and bodies.
func (b *Workbench) switchRecording(r *Request) error {
	head, err := b.head(r)
	if err != nil {
		return err
	}
	if r.HTTP.PostFormValue("on") == "true" {
		_, err = b.config.Deliveries.Record(r.ctx(), head.Number, deliveries.DefaultRecording, recordings[r.HTTP.PostFormValue("requests")])
	} else {
		err = b.config.Deliveries.Stop(r.ctx(), head.Number)
	}
	if err != nil {
		return err
	}
	number := strconv.FormatInt(head.Number, 10)
	r.Audit("POST "+view.Root+"/flows/{flow}/recording", "flow:"+number)
	return r.Redirect(view.Root + "/flows/" + number + "/deliveries")
}
