package client

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Run is a run as the server tells of it.
type Run struct {
	ID         string          `json:"run_id"`
	Flow       int64           `json:"flow"`
	Version    string          `json:"version"`
	State      string          `json:"state"` // queued, running, waiting, succeeded, failed, cancelled, timed_out; empty: not said
	Attempt    int             `json:"attempt"`
	CreatedAt  time.Time       `json:"created_at"`
	StartedAt  time.Time       `json:"started_at"`
	FinishedAt time.Time       `json:"finished_at"`
	Output     json.RawMessage `json:"output"` // the items of the final step; nil: none yet, or it failed
	Error      *Failure        `json:"error"`
	Steps      json.RawMessage `json:"steps"`

	Replayed bool   `json:"-"` // it belongs to an earlier, equal request
	Answer   []byte `json:"-"` // what a respond step answered in its own form; nil: the server's own answer
}

// Ended reports whether the run has ended, as far as its state is said.
func (r *Run) Ended() bool { return ended(r.State) }

func ended(state string) bool {
	return state == "succeeded" || state == "failed" || state == "cancelled" || state == "timed_out"
}

// Failure is why a run has no output.
type Failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Step    string `json:"step"`
	Status  int    `json:"status"`
}

// Execute runs a flow through the SmartSYNC door and returns its output: with
// GET when event is nil, else with POST. params are those that the flow
// declares. Errors of the server are *Error.
func (c *Client) Execute(ctx context.Context, flow string, event []byte, params map[string]string) (*Run, error) {
	if c.config.Key == "" {
		return nil, errors.New("execute flow: the SmartSYNC door takes an API key")
	}
	signed := map[string]string{"flow": flow, "key": c.config.Key, "ts": c.timestamp()}
	maps.Copy(signed, params)
	query := url.Values{}
	for name, value := range signed {
		query.Set(name, value)
	}
	query.Set("check", Check(signed, event, c.config.Secret))
	method := http.MethodGet
	if event != nil {
		method = http.MethodPost
	}
	r, err := c.request(ctx, method, "/apis/execute.php?"+query.Encode(), event)
	if err != nil {
		return nil, err
	}
	a, err := c.do(r)
	if err != nil {
		return nil, err
	}
	run := &Run{ID: a.header.Get("Penstock-Run-Id"), State: "succeeded"}
	return run, a.decode(run)
}

// Request is a run to start through the native door.
type Request struct {
	Flow           string // number or slug
	Event          []byte // JSON; nil: none
	Params         map[string]string
	IdempotencyKey string // equal requests with it make one run; empty: each makes its own

	Async bool          // do not wait
	Wait  time.Duration // wait no longer than this, in whole seconds; zero: to the end
}

// Start runs a flow through the native door. Without Async and Wait the run
// has ended when it returns. Errors of the server are *Error; the run of one
// that failed is named there.
func (c *Client) Start(ctx context.Context, q Request) (*Run, error) {
	query := url.Values{}
	for name, value := range q.Params {
		query.Set(name, value)
	}
	header := http.Header{}
	if q.IdempotencyKey != "" {
		header.Set("Idempotency-Key", strconv.Quote(q.IdempotencyKey))
	}
	switch {
	case q.Async:
		header.Set("Prefer", "respond-async")
	case q.Wait > 0:
		header.Set("Prefer", "wait="+strconv.Itoa(int(q.Wait/time.Second)))
	}
	path := "/v1/flows/" + url.PathEscape(q.Flow) + "/runs"
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	a, err := c.send(ctx, http.MethodPost, path, q.Event, header)
	if err != nil {
		return nil, err
	}
	return startedRun(a)
}

// startedRun reads the server's answer to Start, or the flow's own, which has
// any form: the run's id is in a header then.
func startedRun(a *answer) (*Run, error) {
	run, id := &Run{}, a.header.Get("Penstock-Run-Id")
	err := a.decode(run)
	switch {
	case run.ID == id && err == nil && a.status == http.StatusOK:
		run.State = "succeeded"
	case id != "" && (err != nil || run.ID != id):
		run, err = &Run{ID: id, Answer: a.body}, nil
	}
	run.Replayed = a.header.Get("Idempotent-Replayed") == "true"
	return run, err
}

// Status reads a run, after it has ended or the wait is over. Errors of the
// server are *Error.
func (c *Client) Status(ctx context.Context, id string, wait time.Duration) (*Run, error) {
	path := "/v1/runs/" + url.PathEscape(id)
	if wait > 0 {
		path += "?wait=" + strconv.Itoa(int(wait/time.Second))
	}
	run := &Run{}
	return run, c.Call(ctx, http.MethodGet, path, nil, run)
}
