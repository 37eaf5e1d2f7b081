package console

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/penstock/penstock/api/runaccess"
	"github.com/penstock/penstock/console/steprecord"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/queue"
)

const (
	// sendInterval is the minimum time between two updates of a running run.
	sendInterval = 200 * time.Millisecond
	// pollInterval is how often the record is read in addition, for changes without an event, and the session, so that
	// the stream ends soon after it. The update also keeps proxies from closing an idle connection.
	pollInterval = 5 * time.Second
	// streamLimit is the maximum duration of a stream; the browser reconnects.
	streamLimit = 10 * time.Minute
	// writeTimeout is the maximum duration of sending one update.
	writeTimeout = 10 * time.Second
)

// runLive responds with Server-Sent Events: "run" with the HTML of the run whenever it has changed, and "end" after the
// last one.
func runLive(req *requestState) error {
	record, err := req.record()
	if err != nil {
		return err
	}
	h := req.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // prevents buffering in nginx
	l := &eventStream{req: req, control: http.NewResponseController(req.w), record: record, account: steprecord.Decode(&record), compact: req.r.URL.Query().Has("compact")}
	if !record.State.Terminal() {
		if err := l.follow(); err != nil {
			return nil // the browser reconnects
		}
	}
	l.sendBody()
	l.write("event: end\ndata:\n\n")
	return nil
}

// eventStream is one stream of updates. It is used by its request's goroutine only.
type eventStream struct {
	req     *requestState
	control *http.ResponseController
	record  queue.Record
	account steprecord.Record
	compact bool // only the result of the run, for the page that tries a flow
	err     error
}

// follow sends updates until the run has ended. An error means that the run could not be followed to its end.
func (l *eventStream) follow() error {
	client := l.req.console.config.Queue
	ctx, cancel := context.WithTimeout(l.req.ctx(), streamLimit)
	defer cancel()
	watch, err := client.Watch(ctx, l.record.ID)
	if err != nil {
		return err
	}
	defer watch.Close()
	ticket, err := client.Attach(ctx, l.record.ID)
	if err != nil {
		return err
	}
	ended := make(chan error, 1) // buffered, because nobody receives after an error
	go func() {
		defer ticket.Close()
		_, err := ticket.Wait(ctx)
		ended <- err
	}()
	l.sendBody()
	return l.loop(ctx, watch.Events(), ended)
}

func (l *eventStream) loop(ctx context.Context, events <-chan queue.Event, ended <-chan error) error {
	draw, look := time.NewTicker(sendInterval), time.NewTicker(pollInterval)
	defer draw.Stop()
	defer look.Stop()
	changed := false
	for l.err == nil {
		select {
		case e, open := <-events:
			if !open {
				return context.Canceled
			}
			l.apply(e)
			changed = true
		case <-draw.C:
			if changed {
				l.sendBody()
			}
			changed = false
		case <-look.C:
			if err := l.refresh(ctx); err != nil {
				return err
			}
			changed = true
		case err := <-ended:
			if err != nil {
				return err
			}
			l.record, err = l.req.recordOf(l.record.ID)
			l.account = steprecord.Decode(&l.record)
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return l.err
}

// refresh reads the record of a run that has not ended. The error is for a user who may no longer see it: the session
// has ended, or the user has changed.
func (l *eventStream) refresh(ctx context.Context) error {
	if err := l.req.identify(); err != nil {
		return err
	}
	if !runaccess.Watches(l.req.who, &l.record) {
		return errForbidden
	}
	l.read()
	return nil
}

// read reads the record of a run that has not ended. One that has parked has what its steps did.
func (l *eventStream) read() {
	next, err := l.req.recordOf(l.record.ID)
	if err != nil || next.State.Terminal() {
		return
	}
	if l.record = next; next.State == queue.Waiting {
		l.account = steprecord.Decode(&next)
	}
}

// apply updates the run with an event. An event implies that the run has started.
func (l *eventStream) apply(e queue.Event) {
	if l.record.State == queue.Queued || e.Attempt != l.record.Attempt || e.Kind == queue.EventState {
		l.read()
	}
	seen := true
	if !runaccess.Reads(l.req.who, &l.record) {
		e, seen = runaccess.Event(e)
	}
	if seen && e.Kind != queue.EventState {
		l.account.Apply(e)
	}
}

// eventLines continues the data of an event on the next line. Lines end in LF, CR or both, so that a CR in a message of a
// run would otherwise begin a field. Read only.
var eventLines = strings.NewReplacer("\r\n", "\ndata: ", "\r", "\ndata: ", "\n", "\ndata: ")

// sendBody sends the HTML of the run.
func (l *eventStream) sendBody() {
	var page bytes.Buffer
	run := l.req.runOf(&l.record, &l.account)
	body := view.RunBody(l.req.page("runs", ""), run)
	if l.compact {
		body = view.TryResult(l.req.page("flows", ""), run)
	}
	if l.err == nil {
		l.err = body.Render(l.req.ctx(), &page)
	}
	l.write("event: run\ndata: " + eventLines.Replace(page.String()) + "\n\n")
}

func (l *eventStream) write(text string) {
	if l.err != nil {
		return
	}
	until := time.Now().Add(pollInterval + writeTimeout)
	_ = l.control.SetReadDeadline(until) // an error means that deadlines are not supported
	_ = l.control.SetWriteDeadline(until)
	if _, l.err = l.req.w.Write([]byte(text)); l.err == nil {
		l.err = l.control.Flush()
	}
}
