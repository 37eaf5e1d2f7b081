package hooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/deliveries"
	"github.com/penstock/penstock/internal/entrylog"
)

var errNoFlow = &httpx.Fault{Status: http.StatusNotFound, Code: "not_found", Message: "there is no such flow for you"}

// flowFor returns the flow in the path if the principal may see deliveries: they are of senders, so that a scope for one's
// own runs is not enough.
func (a *api) flowFor(c *gin.Context, scope auth.Scope) (*flows.Flow, error) {
	p := httpx.StateOf(c).Principal
	flow, ok := a.config.Flows.Find(c.Param("flow"))
	if !ok || !p.MayForOthers(scope, flow.Number) {
		return nil, errNoFlow
	}
	httpx.StateOf(c).FlowNumber, httpx.StateOf(c).Object = flow.Number, "flow:"+flowNumber(flow.Number)
	return flow, nil
}

// maxListed is the number of deliveries that a listing looks at, the newest that the filter allows for the field at.
const maxListed = 10_000

// historyAway is the warning of a page without the deliveries of the history.
const historyAway = "The history does not answer: only deliveries that Redis still has are listed."

// listDeliveries answers GET /v1/flows/{flow}/deliveries, the newest first, without headers and bodies.
func (a *api) listDeliveries(c *gin.Context) {
	flow, err := a.flowFor(c, auth.ScopeReadRuns)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	type delivery = deliveries.Delivery
	q, err := listing.Parse(c.Request.URL.RawQuery, listing.Schema[delivery]{Fields: []listing.Field[delivery]{
		listing.Number("delivery", func(d *delivery) int64 { return d.Number }),
		listing.Time("at", func(d *delivery) time.Time { return d.At }),
		listing.Text("method", func(d *delivery) string { return d.Method }),
		listing.Text("verdict", func(d *delivery) string { return string(d.Verdict) }),
		listing.Number("status", func(d *delivery) int64 { return int64(d.Status) }),
		listing.Text("code", func(d *delivery) string { return d.Code }),
		listing.Text("run_id", func(d *delivery) string { return d.Run }),
		listing.Text("ip", func(d *delivery) string { return d.IP }),
		listing.Text("request_id", func(d *delivery) string { return d.RequestID }),
		listing.Number("size", func(d *delivery) int64 { return d.Size }),
		listing.Bool("recorded", func(d *delivery) bool { return d.Recorded }),
	}})
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	within := deliveries.Range{Most: maxListed}
	within.From, within.To = q.Between("at")
	all, more, err := a.config.Deliveries.List(c.Request.Context(), flow.Number, within)
	if err != nil && !errors.Is(err, entrylog.ErrHistory) {
		httpx.Fail(c, err)
		return
	}
	page := q.Apply(all)
	if page.AtLeast = more; more {
		page.Looked, page.LookedBackTo = len(all), &all[len(all)-1].At
	}
	if err != nil {
		page.Warning = historyAway
	}
	httpx.WritePage(c, q, page)
}

// deliveryView is a delivery with its content in responses.
type deliveryView struct {
	*deliveries.Delivery
	*deliveries.Content
}

// readDelivered answers GET /v1/flows/{flow}/deliveries/{delivery}, with headers and body if these are kept and the principal
// may record them: they may have a proof at a place where it is not looked for. The audit log has who looked at them.
func (a *api) readDelivered(c *gin.Context) {
	flow, d, content, err := a.findDelivery(c, auth.ScopeReadRuns)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	if !httpx.StateOf(c).Principal.May(auth.ScopeWriteRuns, flow.Number) {
		content = nil
	}
	httpx.StateOf(c).Audited = content != nil
	httpx.WriteJSON(c, http.StatusOK, deliveryView{d, content})
}

// findDelivery returns the delivery in the path and its content; nil when that is not kept.
func (a *api) findDelivery(c *gin.Context, scope auth.Scope) (*flows.Flow, *deliveries.Delivery, *deliveries.Content, error) {
	flow, err := a.flowFor(c, scope)
	if err != nil {
		return nil, nil, nil, err
	}
	number, err := strconv.ParseInt(c.Param("delivery"), 10, 64)
	if err != nil {
		return nil, nil, nil, deliveries.ErrNotFound
	}
	d, content, err := a.config.Deliveries.Find(c.Request.Context(), flow.Number, number)
	httpx.StateOf(c).Object = fmt.Sprintf("flow:%d/delivery:%d", flow.Number, number)
	return flow, d, content, err
}

// readSeconds reads a body with how long something lasts.
func readSeconds(c *gin.Context, standard, most time.Duration) (time.Duration, error) {
	in := struct {
		Seconds int64 `json:"seconds"`
	}{int64(standard / time.Second)}
	if err := httpx.ReadJSON(c, &in); err != nil {
		return 0, err
	}
	return checkSeconds(in.Seconds, most)
}

func checkSeconds(seconds int64, most time.Duration) (time.Duration, error) {
	if seconds < 1 || seconds > int64(most/time.Second) {
		return 0, httpx.BadRequest("bad_seconds", fmt.Sprintf("seconds must be from 1 to %d", most/time.Second))
	}
	return time.Duration(seconds) * time.Second, nil
}

// readRecording reads the body of PUT /v1/flows/{flow}/recording: how long, and how many requests are recorded; 0: as many as come.
func readRecording(c *gin.Context) (length time.Duration, most int, err error) {
	in := struct {
		Seconds  int64 `json:"seconds"`
		Requests *int  `json:"requests"`
	}{Seconds: int64(deliveries.DefaultRecording / time.Second)}
	if err := httpx.ReadJSON(c, &in); err != nil {
		return 0, 0, err
	}
	if in.Requests != nil {
		if most = *in.Requests; most < 1 || most > deliveries.MaxRecorded {
			return 0, 0, httpx.BadRequest("bad_requests", fmt.Sprintf("requests must be from 1 to %d", deliveries.MaxRecorded))
		}
	}
	length, err = checkSeconds(in.Seconds, deliveries.MaxRecording)
	return length, most, err
}

// recordingView is the answer to PUT /v1/flows/{flow}/recording.
type recordingView struct {
	Until time.Time `json:"until"`
}

// startRecording answers PUT /v1/flows/{flow}/recording: headers and bodies of deliveries are kept from now on, until the
// end that is returned.
func (a *api) startRecording(c *gin.Context) {
	flow, err := a.flowFor(c, auth.ScopeWriteRuns)
	var length time.Duration
	var most int
	if err == nil {
		length, most, err = readRecording(c)
	}
	var until time.Time
	if err == nil {
		until, err = a.config.Deliveries.Record(c.Request.Context(), flow.Number, length, most)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WriteJSON(c, http.StatusOK, recordingView{until})
}

// stopRecording answers DELETE /v1/flows/{flow}/recording: it deletes all headers and bodies.
func (a *api) stopRecording(c *gin.Context) {
	flow, err := a.flowFor(c, auth.ScopeWriteRuns)
	if err == nil {
		err = a.config.Deliveries.Stop(c.Request.Context(), flow.Number)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.NoContent(c)
}

const (
	// listenInterval is how often the number of the last delivery is read for a listener.
	listenInterval = time.Second
	// heartbeat is the longest silence of an event stream.
	heartbeat = 15 * time.Second
	// maxListen is the length of an event stream. Who listens connects again, and is authenticated again.
	maxListen = time.Minute
	// maxListeners is the maximum number of event streams of one process.
	maxListeners = 100
)

var errListeners = &httpx.Fault{Status: http.StatusServiceUnavailable, Code: "overloaded", Message: "too many streams are open here; try again later", Retry: time.Second}

// watchDeliveries answers GET /v1/flows/{flow}/deliveries/events: a stream of deliveries as they come (Server-Sent Events),
// without headers and bodies. It begins after Last-Event-ID, the number of a delivery, or now.
func (a *api) watchDeliveries(c *gin.Context) {
	flow, err := a.flowFor(c, auth.ScopeReadRuns)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	if a.listeners.Add(1) > maxListeners {
		a.listeners.Add(-1)
		httpx.Fail(c, errListeners)
		return
	}
	defer a.listeners.Add(-1)
	last, err := strconv.ParseInt(c.GetHeader("Last-Event-ID"), 10, 64)
	if err != nil {
		last, err = a.config.Deliveries.Last(c.Request.Context(), flow.Number)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	c.Header("Last-Event-ID", strconv.FormatInt(last, 10)) // where a reader goes on that has got no event
	s := httpx.NewEventStream(c, heartbeat)
	s.Beat() // so that the listener knows that it listens
	look, beat := time.NewTicker(listenInterval), time.NewTicker(heartbeat)
	defer look.Stop()
	defer beat.Stop()
	end := time.NewTimer(maxListen)
	defer end.Stop()
	for s.Err() == nil && !a.config.Draining() {
		select {
		case <-c.Request.Context().Done():
			return
		case <-end.C:
			return
		case <-beat.C:
			s.Beat()
		case <-look.C:
			if last, err = a.writeNew(c.Request.Context(), s, flow.Number, last); err != nil {
				httpx.Fail(c, err) // logged; the listener connects again
				return
			}
		}
	}
}

// writeNew writes the deliveries after last, in their order, and returns the number of the newest.
func (a *api) writeNew(ctx context.Context, s *httpx.EventStream, flow, last int64) (int64, error) {
	newest, err := a.config.Deliveries.Last(ctx, flow)
	if err != nil || newest <= last {
		return min(last, newest), err // fewer: the count began anew
	}
	all, err := a.config.Deliveries.Recent(ctx, flow)
	if err != nil {
		return last, err
	}
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Number <= last {
			continue
		}
		text, err := json.Marshal(all[i])
		if err != nil {
			return last, fmt.Errorf("encode delivery: %w", err)
		}
		last = all[i].Number
		s.Event(strconv.FormatInt(last, 10), "delivery", string(text))
	}
	return max(last, newest), nil
}
