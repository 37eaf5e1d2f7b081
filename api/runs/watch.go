package runs

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/runaccess"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/queue"
)

const (
	// heartbeat is the longest silence of an event stream. Proxies close silent connections, usually after a
	// minute.
	heartbeat = 15 * time.Second
	// pollInterval is how often a watched run is read in addition to its events, because no worker reports a lost
	// worker.
	pollInterval = 5 * time.Second
	// maxStreams is the maximum number of event streams of one process.
	maxStreams = 1000
)

var errStreams = &httpx.Fault{Status: http.StatusServiceUnavailable, Code: "overloaded", Message: "too many streams are open here; try again later", Retry: time.Second}

// watchRun answers GET /v1/runs/{run}/events: a stream of the run's states and steps (Server-Sent Events) that ends
// with the run. A reader that reconnects with Last-Event-ID gets the steps that it missed, or 204 when it has received
// the end: browsers then stop reconnecting (WHATWG HTML, section 9.2.3).
func (a *api) watchRun(c *gin.Context) {
	record, err := a.visibleRun(c, auth.ScopeWatchRuns)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	if record.State.Terminal() && c.GetHeader("Last-Event-ID") == endID {
		httpx.NoContent(c)
		return
	}
	if a.streams.Add(1) > maxStreams {
		a.streams.Add(-1)
		httpx.Fail(c, errStreams)
		return
	}
	defer a.streams.Add(-1)
	s := newStream(c)
	s.principal = httpx.StateOf(c).Principal
	s.cut = !runaccess.Reads(s.principal, &record)
	if record.State.Terminal() {
		s.end(&record)
		return
	}
	if err := a.follow(c.Request.Context(), s, &record); err != nil {
		httpx.Fail(c, err) // logged; a reader that has received events reconnects
	}
}

// follow writes events until the run has ended, the reader has disconnected or this process stops.
func (a *api) follow(ctx context.Context, s *stream, record *queue.Record) error {
	watch, err := a.config.Runs.Watch(ctx, record.ID)
	if err != nil {
		return err
	}
	defer watch.Close()
	ticket, err := a.config.Runs.Attach(ctx, record.ID)
	if err != nil {
		return err
	}
	defer ticket.Close()
	waiting, stop := context.WithCancel(ctx)
	ended := make(chan error, 1) // buffered, so that the sender never blocks
	go func() {
		_, err := ticket.Wait(waiting)
		ended <- err
	}()
	defer func() {
		stop()
		<-ended
	}()
	return a.relay(ctx, s, record, watch.Events(), ended)
}

// relay writes events until the run has ended.
func (a *api) relay(ctx context.Context, s *stream, record *queue.Record, events <-chan queue.Event, ended chan error) error {
	s.writeState(record.State, nil)
	beats, polls := time.NewTicker(heartbeat), time.NewTicker(pollInterval)
	defer beats.Stop()
	defer polls.Stop()
	for s.Err() == nil {
		select {
		case e, open := <-events:
			if !open {
				return nil // the reader is too slow; it reconnects for the rest
			}
			s.writeEvent(e)
		case err := <-ended:
			ended <- err // received by the deferred function in follow
			if err != nil {
				return cmp.Or(context.Cause(ctx), err)
			}
			for len(events) > 0 { // events from before the end are written before it
				s.writeEvent(<-events)
			}
			return a.finishStream(ctx, s, record.ID)
		case <-polls.C:
			if a.config.Draining() {
				return nil // the reader reconnects to another process
			}
			if next, err := a.config.Records.Record(ctx, record.ID); err == nil && !next.State.Terminal() {
				s.writeState(next.State, nil)
			}
		case <-beats.C:
			s.Beat()
		}
	}
	return nil
}

func (a *api) finishStream(ctx context.Context, s *stream, id string) error {
	record, err := a.config.Records.Record(ctx, id)
	if err != nil {
		return err
	}
	s.end(&record)
	return nil
}

// end writes the steps that were not written yet and the final state.
func (s *stream) end(whole *queue.Record) {
	r := runaccess.Seen(s.principal, whole)
	var kept struct {
		Steps []json.RawMessage `json:"steps"`
	}
	if r.Steps != nil && json.Unmarshal(r.Steps, &kept) == nil {
		for i, step := range kept.Steps {
			s.writeEvent(queue.Event{Attempt: r.Attempt, Number: i + 1, Kind: "step", Data: step})
		}
	}
	s.writeState(r.State, r.Error)
}

// position is the position of a reader in the steps of a run.
type position struct{ attempt, number int }

func (p position) String() string { return strconv.Itoa(p.attempt) + "." + strconv.Itoa(p.number) }

func (p position) before(o position) bool {
	return p.attempt < o.attempt || p.attempt == o.attempt && p.number < o.number
}
