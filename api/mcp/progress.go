package mcp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/penstock/penstock/api/httpx"
)

// observedRun is the run of a call, whose id is known once it is accepted.
type observedRun struct {
	accepted chan struct{} // closed when id is set
	id       string
}

func newObservedRun() *observedRun { return &observedRun{accepted: make(chan struct{})} }

// set sets the id, once.
func (r *observedRun) set(id string) {
	r.id = id
	close(r.accepted)
}

// get returns the id; empty: the run is not accepted yet.
func (r *observedRun) get() string {
	select {
	case <-r.accepted:
		return r.id
	default:
		return ""
	}
}

// wait returns the id once the run is accepted; empty when ctx ends before.
func (r *observedRun) wait(ctx context.Context) string {
	select {
	case <-r.accepted:
		return r.id
	case <-ctx.Done():
		return r.get()
	}
}

// progress tells a client of the steps of a run while they happen.
type progress struct {
	header  http.Header
	session *mcp.ServerSession
	token   any
	ctx     context.Context
	end     context.CancelFunc
	ended   chan struct{}

	partial []byte // of an event
	told    int    // notifications so far: the protocol wants a number that grows with each
}

func (a *api) startProgress(ctx context.Context, session *mcp.ServerSession, token any, run *observedRun) *progress {
	p := &progress{header: http.Header{}, session: session, token: token, ended: make(chan struct{})}
	p.ctx, p.end = context.WithCancel(ctx)
	go func() {
		defer close(p.ended)
		if id := run.wait(p.ctx); id != "" {
			_ = a.serveTo(p.ctx, p, http.MethodGet, httpx.RunPath(id)+"/events", nil, nil) // a client without progress still gets its result
		}
	}()
	return p
}

// stop ends the notifications: none may follow the result.
func (p *progress) stop() {
	p.end()
	<-p.ended
}

// Header, WriteHeader, Write and Flush receive the stream of events.
func (p *progress) Header() http.Header { return p.header }

// WriteHeader ends the stream of a request that was refused.
func (p *progress) WriteHeader(status int) {
	if status != http.StatusOK {
		p.end()
	}
}

// Flush does nothing: Write passes events on at once.
func (p *progress) Flush() {}

var eventEnd = []byte("\n\n")

func (p *progress) Write(data []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	p.partial = append(p.partial, data...)
	for {
		event, rest, whole := bytes.Cut(p.partial, eventEnd)
		if !whole {
			return len(data), nil
		}
		p.tell(event)
		p.partial = append([]byte(nil), rest...)
	}
}

// tell passes one event on, if it is about a step.
func (p *progress) tell(event []byte) {
	kind, data := "", []byte(nil)
	for line := range bytes.Lines(event) {
		name, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(": "))
		switch string(name) {
		case "event":
			kind = string(value)
		case "data":
			data = value
		}
	}
	var e struct {
		Step  string          `json:"step"`
		In    int             `json:"in"`
		Out   int             `json:"out"`
		Done  int             `json:"done"`
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(data, &e) != nil || e.Step == "" {
		return
	}
	text := ""
	switch {
	case kind == "step" && e.Error != nil:
		text = fmt.Sprintf("step %s failed", e.Step)
	case kind == "step":
		text = fmt.Sprintf("step %s: %d items in, %d out", e.Step, e.In, e.Out)
	case kind == "step_started":
		text = fmt.Sprintf("step %s has begun", e.Step)
	case kind == "step_progress":
		text = fmt.Sprintf("step %s: %d of %d items", e.Step, e.Done, e.In)
	default:
		return
	}
	p.told++
	_ = p.session.NotifyProgress(p.ctx, &mcp.ProgressNotificationParams{ProgressToken: p.token, Progress: float64(p.told), Message: text})
}
