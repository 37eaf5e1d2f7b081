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

// Run is a run.
type Run struct {
	ID         string          `json:"run_id"`
	Flow       int64           `json:"flow"`
	Version    string          `json:"version"`
	State      string          `json:"state"` // queued, running, waiting, succeeded, failed, cancelled, timed_out; empty: not known
	Attempt    int             `json:"attempt"`
	CreatedAt  time.Time       `json:"created_at"`
	StartedAt  time.Time       `json:"started_at"`
	FinishedAt time.Time       `json:"finished_at"`
	Output     json.RawMessage `json:"output"` // items of the final step; nil: the run has not succeeded
	Error      *Failure        `json:"error"`
	Steps      json.RawMessage `json:"steps"`

	Replayed bool   `json:"-"` // the run belongs to an earlier, equal request
	Answer   []byte `json:"-"` // body that a respond step chose; nil: the response has the format of the server
}

// Ended reports whether the run has ended; false if its state is not known.
func (r *Run) Ended() bool { return ended(r.State) }

func ended(state string) bool {
	return state == "succeeded" || state == "failed" || state == "cancelled" || state == "timed_out"
}

// Failure is the error of a run.
type Failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Step    string `json:"step"`
	Status  int    `json:"status"`
}

// Execute runs a flow through the SmartSYNC API and returns its output. It sends a GET if event is nil, else a
// POST. params are parameters that the flow declares. Errors of the server are *Error.
func (c *Client) Execute(ctx context.Context, flow string, event []byte, params map[string]string) (*Run, error) {
	if c.config.Key == "" {
		return nil, errors.New("execute flow: the SmartSYNC API requires an API key")
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

// Request is a run to be started through the native API.
type Request struct {
	Flow           string // number or slug
	Event          []byte // JSON; nil: none
	Params         map[string]string
	IdempotencyKey string // equal requests with the same key share one run; empty: no deduplication

	Async bool          // return without waiting for the run
	Wait  time.Duration // maximum wait in whole seconds; zero: until the end of the run, at most 60 s
}

// Start runs a flow through the native API. Without Async and Wait the run has ended when Start returns, unless it takes longer
// than a request waits, which is 60 s, or its flow collects events (run.debounce, run.batch): then State is empty. Errors of
// the server are *Error, with the id of a run that failed.
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

// Publish publishes an event of a topic, JSON or nil for null, and returns what it has started as JSON. Calls with equal keys
// publish one event; with an empty key each call does. Errors of the server are *Error.
func (c *Client) Publish(ctx context.Context, topic string, event []byte, key string) ([]byte, error) {
	header := http.Header{}
	if key != "" {
		header.Set("Idempotency-Key", strconv.Quote(key))
	}
	a, err := c.send(ctx, http.MethodPost, "/v1/events/"+url.PathEscape(topic), event, header)
	if err != nil {
		return nil, err
	}
	return a.body, nil
}

// startedRun decodes the response to Start. If a flow chose the response, its format is unknown and the id of the
// run is in a header.
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

// Status reads a run after its end or after the wait. Errors of the server are *Error.
func (c *Client) Status(ctx context.Context, id string, wait time.Duration) (*Run, error) {
	path := "/v1/runs/" + url.PathEscape(id)
	if wait > 0 {
		path += "?wait=" + strconv.Itoa(int(wait/time.Second))
	}
	run := &Run{}
	return run, c.Call(ctx, http.MethodGet, path, nil, run)
}
