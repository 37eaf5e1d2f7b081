package consume

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/payload"
	"github.com/penstock/penstock/internal/sleep"
	"github.com/penstock/penstock/internal/strictjson"
	"github.com/penstock/penstock/queue"
)

const (
	// remember is how long the idempotency key of a message is stored, besides the limit of its run.
	remember = 24 * time.Hour
	// maxBody is the maximum size of a message's body in bytes.
	maxBody = 1 << 20
	// minRetry and maxRetry bound the pause before a submission is repeated.
	minRetry = 50 * time.Millisecond
	maxRetry = 5 * time.Second
)

// delivery makes runs of the messages of one consumer.
type delivery struct {
	ctx    context.Context // of the consumer
	config *Config
	flow   *flows.Flow
	slots  chan struct{}  // one value for each run that has not ended
	runs   sync.WaitGroup // waits for the ends of runs

	mu      sync.Mutex
	drained bool           // guarded by mu: no message is taken any more
	taken   sync.WaitGroup // added to under mu; messages that are neither acknowledged nor given up
}

func newDelivery(ctx context.Context, config *Config, flow *flows.Flow) *delivery {
	return &delivery{ctx: ctx, config: config, flow: flow, slots: make(chan struct{}, flow.Messages.InFlight)}
}

// take adds a message to those that drain waits for; false: none is taken any more.
func (d *delivery) take() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.drained {
		return false
	}
	d.taken.Add(1)
	return true
}

// drain makes deliver take no more messages, and waits until those that were taken are acknowledged, or the consumer ends.
func (d *delivery) drain() {
	d.mu.Lock()
	d.drained = true
	d.mu.Unlock()
	d.taken.Wait()
}

// deliver implements flows.Subscription.Deliver.
func (d *delivery) deliver(ctx context.Context, m flows.Message) error {
	select {
	case d.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-d.ctx.Done():
		return d.ctx.Err()
	}
	if !d.take() {
		<-d.slots
		select { // the message stays with the server
		case <-ctx.Done():
			return ctx.Err()
		case <-d.ctx.Done():
			return d.ctx.Err()
		}
	}
	submission, refused := d.submission(ctx, &m)
	run, err := d.submit(ctx, submission)
	if err != nil {
		d.taken.Done()
		<-d.slots
		return err
	}
	acknowledged := true
	switch {
	case refused != nil:
		d.config.Log.Warn("a message was refused", "flow", d.flow.Number, "run_id", run, "error", refused)
		d.count("refused")
		m.Done(refused)
	default:
		d.config.Log.Debug("message", "flow", d.flow.Number, "run_id", run)
		d.count("accepted")
		if acknowledged = !d.flow.Messages.AfterEnd; acknowledged {
			m.Done(nil)
		}
	}
	if acknowledged {
		d.taken.Done()
	}
	if d.flow.Collects() { // many messages are one run, which may wait for more of them
		<-d.slots
		return nil
	}
	d.runs.Go(func() {
		defer func() { <-d.slots }()
		if !acknowledged {
			defer d.taken.Done()
		}
		failed, ended := d.await(run)
		if !ended || acknowledged {
			return
		}
		if failed != nil {
			d.count("rejected")
		}
		m.Done(failed)
	})
	return nil
}

// submit stores the run. It waits while the queue is full or Redis does not answer; its only error is that of a context.
func (d *delivery) submit(ctx context.Context, s queue.Submission) (run string, err error) {
	for pause := minRetry; ; pause = min(2*pause, maxRetry) {
		run, err = d.config.Runs.Start(ctx, s, time.Time{})
		var ran *queue.RanError
		switch {
		case err == nil:
			return run, nil
		case errors.As(err, &ran): // before, and its record is gone
			return ran.Run, nil
		case pause == minRetry:
			d.config.Log.Warn("a message cannot be accepted yet", "flow", d.flow.Number, "error", err)
		}
		_ = sleep.For(ctx, pause)
		if err := errors.Join(ctx.Err(), d.ctx.Err()); err != nil {
			return "", err
		}
	}
}

// await waits for the end of a run, and returns why it did not succeed; false: the consumer has been stopped before.
func (d *delivery) await(run string) (failed error, ended bool) {
	for d.ctx.Err() == nil {
		ticket, err := d.config.Runs.Attach(d.ctx, run)
		switch {
		case errors.Is(err, queue.ErrNotFound): // it has ended some time ago
			return nil, true
		case err != nil:
			_ = sleep.For(d.ctx, time.Second)
			continue
		}
		result, err := ticket.Wait(d.ctx)
		ticket.Close()
		switch {
		case errors.Is(err, queue.ErrGone):
			return nil, true
		case err == nil && result.State == queue.Succeeded:
			return nil, true
		case err == nil && result.State.Terminal():
			return fmt.Errorf("run %s: %s", run, result.State), true
		}
	}
	return nil, false
}

// submission returns the run of a message. refused: the message cannot be the event of a run; the submission is then that of a
// run that fails at once and says so.
func (d *delivery) submission(ctx context.Context, m *flows.Message) (s queue.Submission, refused error) {
	event, refused := d.event(m)
	if refused == nil {
		if s, refused = d.submissionOf(ctx, m, event); refused == nil {
			return s, nil
		}
	}
	event = maps.Clone(event)
	delete(event, "body")
	event[flows.EventRefused] = refused.Error()
	s = queue.SubmissionOf(d.flow)
	s.Event, s.IdempotencyKey = flows.EncodeJSON(event), d.idempotencyKey(m.Key)
	return s, refused
}

func (d *delivery) submissionOf(ctx context.Context, m *flows.Message, event map[string]any) (queue.Submission, error) {
	s, run, key := queue.SubmissionOf(d.flow), flows.Run{Event: event}, m.Key
	var err error
	s.Event = flows.EncodeJSON(event)
	if t := d.flow.Messages.IdempotencyKey; t != nil {
		if key, err = d.flow.Key(ctx, t, run); err != nil {
			return s, fmt.Errorf("idempotency_key: %w", err)
		}
	}
	if s.FairKey, err = d.flow.FairKey(ctx, run); err != nil {
		return s, fmt.Errorf("run.fair_by: %w", err)
	}
	s.IdempotencyKey = d.idempotencyKey(key)
	return s, s.Collect(ctx, d.flow, run)
}

// idempotencyKey returns nil for an empty key.
func (d *delivery) idempotencyKey(key string) *queue.IdempotencyKey {
	if key == "" {
		return nil
	}
	m := d.flow.Messages
	return &queue.IdempotencyKey{
		Key:    "message\x00" + strconv.FormatInt(d.flow.Number, 10) + "\x00" + m.Source + "\x00" + m.Connection + "\x00" + key,
		Window: remember + d.flow.Limit,
	}
}

// event returns the event of a message; with an error, without its body.
func (d *delivery) event(m *flows.Message) (map[string]any, error) {
	event := maps.Clone(m.Event)
	if event == nil {
		event = map[string]any{}
	}
	event["body"] = nil
	if m.Unreadable != nil {
		return event, m.Unreadable
	}
	if len(m.Body) > maxBody {
		return event, fmt.Errorf("its body has %s; %s are allowed", flows.SizeText(int64(len(m.Body))), flows.SizeText(maxBody))
	}
	reader := payload.Reader{Depth: strictjson.MaxDepth}
	content, err := reader.Read(d.flow.Messages.BodyForm, m.ContentType, m.Body)
	if err != nil {
		return event, err
	}
	if event["body"] = content.Value; content.JSON != nil {
		if event["body"], err = flows.DecodeJSON(content.JSON); err != nil {
			return event, err
		}
	}
	return event, nil
}

func (d *delivery) count(outcome string) {
	if d.config.Meter != nil {
		d.config.Meter.Message(d.flow.Number, outcome)
	}
}
