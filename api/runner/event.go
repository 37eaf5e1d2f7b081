package runner

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/payload"
	"github.com/penstock/penstock/queue"
)

// ReadEvent reads the body of the request to the event of the submission. Files in it are stored for the run, which gets its
// id here.
func ReadEvent(c *gin.Context, s *queue.Submission, form payload.Form, maxBody int64) error {
	owner := ""
	if maxBody > 0 {
		owner = queue.NewRunID(s.Queue)
	}
	event, err := httpx.DecodeFiles(c, httpx.BodyRule{Form: form, MaxBody: maxBody, Owner: owner})
	if err != nil {
		return err
	}
	if s.Event = event; httpx.StateOf(c).HasFiles() {
		s.ID = owner
	}
	return nil
}

// fairKey computes the flow's run.fair_by; "" without it. f is nil for a replay.
func (r *Runner) fairKey(ctx context.Context, f *flows.Flow, s *queue.Submission) (string, error) {
	if f == nil || f.FairBy == nil {
		return "", nil
	}
	return r.render(ctx, s, "fair_by", f.FairKey)
}

// FlowKey computes the flow's own idempotency_key; "" when the flow has none for this event.
func (r *Runner) FlowKey(ctx context.Context, f *flows.Flow, s *queue.Submission) (string, error) {
	return r.render(ctx, s, "idempotency_key", func(ctx context.Context, run flows.Run) (string, error) {
		return f.Key(ctx, f.Webhook.IdempotencyKey, run)
	})
}

// render computes a text setting of a flow from the submission. code is the name of the setting and the code of the
// error when it cannot be computed.
func (r *Runner) render(ctx context.Context, s *queue.Submission, code string, text func(context.Context, flows.Run) (string, error)) (string, error) {
	run := flows.Run{Principal: s.Principal, Params: s.Params, Headers: s.Headers}
	var rendered string
	err := r.WithValue(ctx, s.Event, func(ctx context.Context, event any) (err error) {
		run.Event = event
		if rendered, err = text(ctx, run); err != nil {
			return &httpx.Fault{Status: http.StatusBadRequest, Code: code, Message: "the flow's " + code + " cannot be computed: " + err.Error()}
		}
		return nil
	})
	return rendered, err
}

// collects reports whether a submission waits for further events, as the flow says. f is nil for a replay.
func collects(f *flows.Flow, s *queue.Submission) bool {
	return f != nil && f.Collects() && s.ReplayOf == "" && s.Resume == nil
}

// collect makes a submission wait for further events, if the flow says so.
func (r *Runner) collect(ctx context.Context, f *flows.Flow, s *queue.Submission) error {
	if !collects(f, s) {
		return nil
	}
	run := flows.Run{Principal: s.Principal, Params: s.Params, Headers: s.Headers}
	return r.WithValue(ctx, s.Event, func(ctx context.Context, event any) error {
		run.Event = event
		err := s.Collect(ctx, f, run)
		if wrong := new(flows.Error); errors.As(err, &wrong) {
			return &httpx.Fault{Status: wrong.Status, Code: string(wrong.Code), Message: wrong.Message}
		}
		return err
	})
}

// RejectIfCollects rejects a call of an API whose callers get nothing but outputs, if the flow waits for further events.
func RejectIfCollects(f *flows.Flow) error {
	if f.Collects() {
		return httpx.BadRequest("no_output", "this flow waits for further events, so a caller gets no output: start it with POST /v1/flows/{flow}/runs")
	}
	return nil
}

// CheckEvent returns the fault of a submission with which the flow would fail at once.
func (r *Runner) CheckEvent(ctx context.Context, f *flows.Flow, s *queue.Submission) error {
	run := flows.Run{Principal: s.Principal, Params: s.Params, Headers: s.Headers}
	return r.WithValue(ctx, s.Event, func(ctx context.Context, event any) error {
		run.Event = event
		err := f.CheckEvent(ctx, run)
		if wrong := new(flows.Error); errors.As(err, &wrong) {
			return &httpx.Fault{Status: http.StatusUnprocessableEntity, Code: string(wrong.Code), Message: wrong.Message}
		}
		return err
	})
}

// WithValue decodes a JSON text that was checked, nil when it is empty, and
// charges it to the process' memory while use runs.
func (r *Runner) WithValue(ctx context.Context, text []byte, use func(ctx context.Context, value any) error) error {
	if len(text) == 0 {
		return use(ctx, nil)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	account := r.config.Memory.Open(0, cancel)
	defer account.Close()
	var made atomic.Int64
	defer account.Settle(&made)
	value, err := flows.DecodeJSONOn(budget.NewCharger(ctx, account, &made), text)
	if account.Err() != nil {
		return account.Err()
	}
	if err != nil {
		return fmt.Errorf("decode value: %w", err) // it was checked: ours
	}
	return use(ctx, value)
}
