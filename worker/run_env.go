package worker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/callback"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/internal/webhook"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/topic"
)

const (
	// maxChain is the maximum length of a chain of runs that start each other. It ends a flow that starts itself
	// before Redis is full.
	maxChain = 32
	// chainBreak is the delay from which a started run does not count as a link of its chain: a chain that slow is a
	// schedule. It is a minute, less the time for starting it.
	chainBreak = time.Minute - time.Second
)

// Starter accepts runs that no caller waits for. *queue.Client implements it.
type Starter interface {
	Start(ctx context.Context, s queue.Submission, at time.Time) (string, error)
}

// runEnv returns the environment of one run: that of the worker, on behalf of the run. giveUp ends the attempt.
func (r *runner) runEnv(a *queue.Attempt, trace flows.Tracer, giveUp context.CancelCauseFunc) flows.Env {
	env := r.endOnMissingKey(r.cfg.Env, giveUp)
	env.Journal, env.Trace, env.Parks = a.Journal(), trace, true
	env.Respond = a.Respond
	if r.cfg.Vars != nil {
		env.Vars = r.cfg.Vars()
	}
	if r.cfg.Starter != nil && env.Flows != nil {
		emitter := Emitter{r.cfg.Starter, env.Flows, r.cfg.TooNew, a.Principal, a.Depth}
		env.Emit = versionCheckedEmitter{emitter, giveUp}
		if r.cfg.Topics != nil {
			env.Topics = topics{r.cfg.Topics, emitter, a.ID, giveUp}
		}
	}
	if r.cfg.TooNew != nil && env.Flows != nil {
		env.Flows = versionCheckedFlows{env.Flows, r.cfg.TooNew, giveUp}
	}
	if r.cfg.Webhooks != nil && env.Secrets != nil {
		env.Deliver = deliverer{r.cfg.Webhooks, env.Secrets, a.Flow, a.ID}
	}
	if r.cfg.Callbacks != nil {
		env.Callbacks = callbacks{r.cfg.Callbacks, a.ID}
	}
	return env
}

// Emitter implements flows.Emitter.
type Emitter struct {
	Starter   Starter
	Flows     flows.Flows
	TooNew    func(ref string) bool // see Config; optional
	Principal string                // of the starting run
	Depth     int                   // of the starting run in its chain; -1: no run starts these runs
}

// Emit accepts a run of the current version of the flow.
func (e Emitter) Emit(ctx context.Context, m flows.Emission) (string, error) {
	flow, ok := e.Flows.Find(m.Flow)
	if !ok && e.TooNew != nil && e.TooNew(m.Flow) {
		return "", tooNewError(m.Flow)
	}
	if !ok {
		return "", &flows.Error{Message: "there is no flow " + strconv.Quote(m.Flow)}
	}
	depth := e.Depth + 1
	if time.Until(m.At) >= chainBreak {
		depth = 0
	}
	if depth > maxChain {
		return "", &flows.Error{Code: flows.CodeLimit, Message: fmt.Sprintf("runs start each other more than %d deep: does a flow start itself?", maxChain)}
	}
	key, err := flow.FairKey(ctx, flows.Run{Event: m.Event, Principal: e.Principal})
	if err != nil {
		return "", &flows.Error{Code: flows.CodeExpression, Message: "run.fair_by of the other flow: " + err.Error(), Err: err}
	}
	if flow.Collects() && time.Until(m.At) > 0 {
		return "", &flows.Error{Message: "the other flow collects events (run.debounce, run.batch), so its run cannot start at a given time"}
	}
	submission := queue.SubmissionOf(flow)
	submission.Principal, submission.Event, submission.Depth, submission.FairKey = e.Principal, flows.EncodeJSON(m.Event), depth, key
	submission.IdempotencyKey = &queue.IdempotencyKey{Key: "emit\x00" + strconv.FormatInt(flow.Number, 10) + "\x00" + m.Key, Window: m.Window}
	if err := submission.Collect(ctx, flow, flows.Run{Event: m.Event, Principal: e.Principal}); err != nil {
		return "", err
	}
	run, err := e.start(ctx, submission, m.At)
	if err != nil {
		return "", &flows.Error{Message: "the run of the other flow was not accepted", Class: flows.ClassNetwork, Err: err}
	}
	return run, nil
}

// start retries while Redis is unavailable. The idempotency key makes one run of all tries.
func (e Emitter) start(ctx context.Context, s queue.Submission, at time.Time) (run string, refused error) {
	err := redisconn.RetryUntilDone(ctx, func() error {
		if run, refused = e.Starter.Start(ctx, s, at); errors.Is(refused, queue.ErrUnavailable) {
			return refused
		}
		return nil
	})
	var ran *queue.RanError
	if errors.As(refused, &ran) {
		return ran.Run, nil
	}
	if err == nil {
		err = refused
	}
	return run, err
}

// topics implements flows.Topics for one run.
type topics struct {
	*topic.Topics
	emit   flows.Emitter
	run    string
	giveUp context.CancelCauseFunc
}

// Publish implements flows.Topics. All other flows have the event when a flow that is too new for this binary ends the
// attempt.
func (t topics) Publish(ctx context.Context, p flows.Publication) (flows.Published, error) {
	done, err := t.Topics.Publish(ctx, t.emit, p)
	endIfTooNew(err, t.giveUp)
	return done, err
}

// Await implements flows.Topics.
func (t topics) Await(ctx context.Context, w flows.EventWait) error {
	return t.Topics.Await(ctx, t.run, w)
}

// Forget implements flows.Topics.
func (t topics) Forget(ctx context.Context, w flows.EventWait) error {
	return t.Topics.Forget(ctx, t.run, w)
}

// deliverer implements flows.Deliverer.
type deliverer struct {
	webhooks *webhook.Store
	secrets  flows.Secrets
	flow     int64
	run      string
}

// Deliver accepts a webhook that can be signed.
func (d deliverer) Deliver(ctx context.Context, m flows.Delivery) (id, state string, err error) {
	if _, err := webhook.SigningKeys(ctx, d.secrets, m.Secrets, m.Receiver); err != nil {
		return "", "", err
	}
	id = webhook.IDOf(m.Key)
	accepted, err := d.webhooks.Accept(ctx, webhook.Message{
		ID: id, Flow: d.flow, Run: d.run, URL: m.URL, Secrets: m.Secrets, Receiver: m.Receiver, Type: m.Type, Data: m.Data,
	})
	var invalid *webhook.InvalidError
	switch {
	case errors.As(err, &invalid):
		return "", "", &flows.Error{Message: invalid.Error(), Err: err}
	case errors.Is(err, webhook.ErrFull):
		return "", "", &flows.Error{Code: flows.CodeLimit, Message: "the flow has too many webhooks that are not delivered yet", Err: err}
	case err != nil:
		return "", "", &flows.Error{Message: "the webhook was not accepted", Class: flows.ClassNetwork, Err: err}
	}
	return id, string(accepted), nil
}

// callbacks implements flows.Callbacks.
type callbacks struct {
	signer *callback.Signer
	run    string
}

// URL signs the callback of one step and item.
func (c callbacks) URL(key string, expires time.Time, maxBody int64) (string, error) {
	return c.signer.URL(callback.Call{Run: c.run, Key: key, Expires: expires, MaxBody: maxBody})
}
