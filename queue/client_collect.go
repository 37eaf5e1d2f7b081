package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/internal/sleep"
)

const (
	maxBatchBytes = 1 << 20     // of a batch with several events
	batchedOnce   = time.Minute // how long an event without an idempotency key is known; longer than its submission is repeated
)

// Collecting is how a run waits for further events before it begins: the event of a later run takes its place (debounce), or
// later events are added to it (batch). No caller can wait for such a run.
type Collecting struct {
	debounce *flows.Debounce // nil: batch
	batch    *flows.Batch
	key      string // hash of the key under which the events belong together
}

// Collect makes a submission wait for further events, as the flow says; without run.debounce and run.batch nothing changes. run
// is the submission, decoded. It is for new events: a replay of a run, and a run that continues another one, begin at once.
// Errors are *flows.Error: the key cannot be computed, or the event violates the flow's schema.
func (s *Submission) Collect(ctx context.Context, f *flows.Flow, run flows.Run) error {
	if !f.Collects() {
		return nil
	}
	key, err := f.CollectKey(ctx, run)
	if err != nil {
		return err
	}
	s.Collecting = &Collecting{debounce: f.Debounce, batch: f.Batch}
	if key = strconv.FormatInt(f.Number, 10) + "\x00" + key; f.Batch != nil {
		key = f.Version + "\x00" + key // a batch is a run of one version
	}
	s.Collecting.key = keyHash(key)
	return nil
}

// submitCollected stores a run that waits for further events, or adds its event to such a run. It repeats a call whose reply was
// lost.
func (c *Client) submitCollected(ctx context.Context, q *queueState, s *Submission) (*Ticket, error) {
	if s.Sync {
		return nil, errors.New("submit run: no caller can wait for a run that collects events")
	}
	script, arguments := submitDebouncedScript, c.debounced
	if s.Collecting.batch != nil {
		script, arguments = submitBatchedScript, c.batched
	}
	args, err := arguments(s)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), submitWait)
	defer cancel()
	out, err := script.Run(ctx, c.redis, q.keys.slot(), args...).StringSlice()
	for wait := 10 * time.Millisecond; err != nil && redisconn.Temporary(err) && ctx.Err() == nil; wait *= 2 {
		_ = sleep.For(ctx, wait)
		out, err = script.Run(ctx, c.redis, q.keys.slot(), args...).StringSlice()
	}
	if err == nil && len(out) != 3 {
		err = fmt.Errorf("script answered %d values, not 3", len(out))
	}
	if err != nil {
		return nil, redisError("submit run", err)
	}
	answer, run, ready := out[0], out[1], out[2]
	if ready != "" {
		if _, err := requeueRun(ctx, c.redis, c.asynq, q.name, requeue{id: ready, from: Waiting, last: true}, 0); err != nil {
			c.cfg.Log.Warn("begin batch", "run_id", ready, "error", err) // the reconciler does it within seconds
		}
	}
	if answer == "" {
		t := c.waiters.add(c, q, run)
		c.waiters.accept(t)
		return t, nil
	}
	if err := refusalOf(answer); err != nil {
		return nil, err
	}
	t := c.waiters.add(c, q, s.ID)
	t.attach(answer)
	return t, nil
}

// collected returns the arguments that both scripts begin with.
func (c *Client) collected(s *Submission, event []byte) ([]any, error) {
	spec, err := encodeSpec(&s.Spec)
	if err != nil {
		return nil, err
	}
	args := []any{s.ID, spec, event, s.Limit.Milliseconds(), s.turn(), "", "", "", "", c.cfg.MaxPending, s.Collecting.key}
	if g := s.IdempotencyKey; g != nil {
		copy(args[5:], []any{keyHash(g.Key), g.Fingerprint, g.Window.Milliseconds(), g.repetition()})
	}
	return args, nil
}

// debounced returns the arguments of submit_debounced.lua.
func (c *Client) debounced(s *Submission) ([]any, error) {
	args, err := c.collected(s, s.Event)
	if err != nil {
		return nil, err
	}
	why, err := json.Marshal(flows.Error{Code: flows.CodeReplaced, Message: "a later event with the same debounce key took its place, in the run " + s.ID})
	if err != nil {
		return nil, fmt.Errorf("encode error: %w", err)
	}
	d, longest := s.Collecting.debounce, int64(-1)
	if d.Max > 0 {
		longest = d.Max.Milliseconds()
	}
	args = append(args, d.For.Milliseconds(), longest, why, publishCommand(c.cfg.Redis.Cluster()))
	return append(args, today()...), nil
}

// batchEntry is an event in the event of a run with run.batch.
type batchEntry struct {
	ID        string            `json:"id"` // of the event
	At        time.Time         `json:"at"` // when it was accepted
	Principal string            `json:"principal,omitempty"`
	Params    map[string]string `json:"params,omitempty"`
	Headers   map[string]string `json:"headers,omitempty"`
	Event     json.RawMessage   `json:"event"`
}

// batched returns the arguments of submit_batched.lua.
func (c *Client) batched(s *Submission) ([]any, error) {
	entry := batchEntry{s.ID, s.Accepted.UTC(), s.Principal, s.Params, s.Headers, s.Event}
	if len(s.Event) == 0 {
		entry.Event = json.RawMessage("null")
	}
	event, err := json.Marshal(entry)
	if err != nil {
		return nil, fmt.Errorf("encode event of batch: %w", err)
	}
	run := *s
	run.Params, run.Headers = nil, nil
	if run.IdempotencyKey == nil { // so that a repeated call adds the event once
		run.IdempotencyKey = &IdempotencyKey{Key: "batch\x00" + s.ID, Window: batchedOnce}
	}
	args, err := c.collected(&run, event)
	b := s.Collecting.batch
	return append(args, b.Within.Milliseconds(), b.Size, maxBatchBytes), err
}
