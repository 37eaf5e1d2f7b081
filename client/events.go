package client

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Event is an event of a stream.
type Event struct {
	ID   string          // position in the stream; empty: it has none
	Kind string          // of a run: "state", "step_started", "step"; else "delivery"
	Data json.RawMessage // an object
}

// maxEvent is the maximum length of one line of a stream, in bytes.
const maxEvent = 64 << 20

// reconnectDelay is the pause before an interrupted stream is resumed.
const reconnectDelay = time.Second

// Watch calls each for the events of a run until the run has ended, ctx ends, or each returns an error. An
// interrupted stream is resumed after its last event. Errors of the server are *Error.
func (c *Client) Watch(ctx context.Context, id string, each func(Event) error) error {
	return c.follow(ctx, "/v1/runs/"+url.PathEscape(id)+"/events", "", each)
}

// Listen calls each for the deliveries to the webhook of a flow, as they come, until ctx ends or each returns an error. after
// is the number of the delivery after which it begins; empty: now. Errors of the server are *Error.
func (c *Client) Listen(ctx context.Context, flow, after string, each func(Event) error) error {
	return c.follow(ctx, "/v1/flows/"+url.PathEscape(flow)+"/deliveries/events", after, each)
}

// follow reads a stream, and resumes it when it is interrupted.
func (c *Client) follow(ctx context.Context, path, last string, each func(Event) error) error {
	for {
		ended, err := c.stream(ctx, path, &last, func(e Event) error {
			if e.ID != "" {
				last = e.ID
			}
			return each(e)
		})
		if ended || err != nil {
			return err
		}
		pause := time.NewTimer(reconnectDelay)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return context.Cause(ctx)
		}
	}
}

// stream reads one stream, and reports whether it has ended for good. last is the id of the last event; a server that begins
// a stream without one may set it.
func (c *Client) stream(ctx context.Context, path string, last *string, each func(Event) error) (over bool, err error) {
	r, err := c.request(ctx, http.MethodGet, path, nil)
	if err != nil {
		return false, err
	}
	r.Header.Set("Accept", "text/event-stream")
	if *last != "" {
		r.Header.Set("Last-Event-ID", *last)
	}
	w, err := c.open(r)
	if err != nil {
		return false, err
	}
	defer w.Body.Close()
	if w.StatusCode == http.StatusNoContent { // last is the id of the final event
		return true, nil
	}
	if begin := w.Header.Get("Last-Event-ID"); begin != "" {
		*last = begin
	}
	refused := error(nil)
	_ = readEvents(w.Body, func(e Event) error { // follow resumes an interrupted stream
		over = over || e.ends()
		refused = each(e)
		return refused
	})
	return over, refused
}

// ends reports whether the event is the end of the run.
func (e Event) ends() bool {
	var s struct{ State string }
	return e.Kind == "state" && json.Unmarshal(e.Data, &s) == nil && ended(s.State)
}

// readEvents parses Server-Sent Events (WHATWG HTML, section 9.2).
func readEvents(r io.Reader, each func(Event) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxEvent)
	var e Event
	var data []string
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "" && len(data) > 0:
			e.Data = json.RawMessage(strings.Join(data, "\n"))
			if err := each(e); err != nil {
				return err
			}
			e, data = Event{}, nil
		case field == "event":
			e.Kind = value
		case field == "id":
			e.ID = value
		case field == "data":
			data = append(data, value)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	return nil
}
