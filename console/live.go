package console

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/queue"
)

const (
	// drawEvery is the pause between two pictures of a run that runs.
	drawEvery = 200 * time.Millisecond
	// lookAgain is how often a run is read besides, for what no worker tells;
	// it also keeps proxies from cutting a silent connection.
	lookAgain = 5 * time.Second
	// liveLimit ends a stream; the browser comes again.
	liveLimit = 10 * time.Minute
	// readLimit is how long a browser may take for one picture.
	readLimit = 10 * time.Second
)

// runLive answers with a stream of Server-Sent Events: the body of the run's
// page whenever it changed, and "end" after the last.
func runLive(x *exchange) error {
	record, err := x.console.config.Queue.Record(x.ctx(), x.r.PathValue("run"))
	if err != nil {
		return err
	}
	h := x.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx would hold pictures back
	l := &live{x: x, control: http.NewResponseController(x.w), record: record, account: accountOf(&record), compact: x.r.URL.Query().Has("compact")}
	if !record.State.Terminal() {
		if err := l.follow(); err != nil {
			return nil // the browser comes again
		}
	}
	l.draw()
	l.write("event: end\ndata:\n\n")
	return nil
}

// live is one stream. It belongs to its request's goroutine.
type live struct {
	x       *exchange
	control *http.ResponseController
	record  queue.Record
	account account
	compact bool // only what a run did, for the page that tries a flow
	err     error
}

// follow draws the run until it has ended; the error says why it could not
// be followed to its end.
func (l *live) follow() error {
	client := l.x.console.config.Queue
	ctx, cancel := context.WithTimeout(l.x.ctx(), liveLimit)
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
	ended := make(chan error, 1) // one value, kept until somebody looks
	go func() {
		defer ticket.Close()
		_, err := ticket.Wait(ctx)
		ended <- err
	}()
	l.draw()
	return l.loop(ctx, watch.Events(), ended)
}

func (l *live) loop(ctx context.Context, events <-chan queue.Event, ended <-chan error) error {
	draw, look := time.NewTicker(drawEvery), time.NewTicker(lookAgain)
	defer draw.Stop()
	defer look.Stop()
	changed := false
	for l.err == nil {
		select {
		case e, open := <-events:
			if !open {
				return context.Canceled
			}
			l.hear(e)
			changed = true
		case <-draw.C:
			if changed {
				l.draw()
			}
			changed = false
		case <-look.C:
			if next, err := l.x.console.config.Queue.Record(ctx, l.record.ID); err == nil && !next.State.Terminal() {
				l.record, changed = next, true
			}
		case err := <-ended:
			if err != nil {
				return err
			}
			l.record, err = l.x.console.config.Queue.Record(ctx, l.record.ID)
			l.account = accountOf(&l.record)
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return l.err
}

// hear takes in an event. A run that is told of has begun.
func (l *live) hear(e queue.Event) {
	if l.record.State == queue.Queued || e.Attempt != l.record.Attempt {
		if next, err := l.x.console.config.Queue.Record(l.x.ctx(), l.record.ID); err == nil && !next.State.Terminal() {
			l.record = next
		}
	}
	if e.Kind != queue.EventState {
		l.account.hear(e)
	}
}

// draw sends the body of the page.
func (l *live) draw() {
	var page bytes.Buffer
	run := l.x.runOf(&l.record, &l.account)
	body := view.RunBody(l.x.page("runs", ""), run)
	if l.compact {
		body = view.TryResult(l.x.page("flows", ""), run)
	}
	if l.err == nil {
		l.err = body.Render(l.x.ctx(), &page)
	}
	l.write("event: run\ndata: " + strings.ReplaceAll(page.String(), "\n", "\ndata: ") + "\n\n")
}

func (l *live) write(text string) {
	if l.err != nil {
		return
	}
	until := time.Now().Add(lookAgain + readLimit)
	_ = l.control.SetReadDeadline(until) // not supported: there is no deadline to move
	_ = l.control.SetWriteDeadline(until)
	if _, l.err = l.x.w.Write([]byte(text)); l.err == nil {
		l.err = l.control.Flush()
	}
}
