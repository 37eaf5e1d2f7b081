package queue

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/internal/sleep"
)

const (
	submitFlights = 1 // a second flight would only split the batches
	submitBatch   = 128
	submitWait    = 5 * time.Second // then the submission fails with ErrUnavailable
)

// Submission is a run to store and enqueue, with the conditions under which it is
// accepted. Redis decides all of them in one round trip.
type Submission struct {
	Spec
	IdempotencyKey *IdempotencyKey // nil: each submission is a new run
	Limited        bool            // the run has concurrency limits or collects events, so it must be on the same shard as the other runs of its flow

	// Share is the part of the queue's slots, in percent, that the flow may use
	// while runs of other flows wait. Zero means ServerConfig.Share.
	Share int

	// FairKey groups the runs of a flow in line: the keys of a flow take turns.
	// Empty: runs leave the line in the order of acceptance.
	FairKey string

	// Resume is what the run continues; nil: nothing.
	Resume *Resume

	// Collecting is how the run waits for further events, see Collect; nil: it begins at once.
	Collecting *Collecting
}

// SubmissionOf returns a submission with everything that the flow decides except
// the fair key, see SetFairKey.
func SubmissionOf(f *flows.Flow) Submission {
	return Submission{
		Limited: f.Concurrency != nil || f.Collects(), Share: f.Share,
		Spec: Spec{Flow: f.Number, Version: f.Version, Queue: f.Queue, Limit: f.Limit},
	}
}

// SetFairKey renders the fair key of the flow for the event, the principal, the parameters and the headers of the submission.
func (s *Submission) SetFairKey(ctx context.Context, f *flows.Flow) (err error) {
	if f.FairBy == nil {
		return nil
	}
	run, err := s.Input()
	if err != nil {
		return err
	}
	s.FairKey, err = f.FairKey(ctx, run)
	return err
}

// IdempotencyKey makes repeated submissions with the same key one run.
type IdempotencyKey struct {
	Key         string        // includes the caller, so that callers cannot collide; only its hash is stored
	Fingerprint string        // of the payload: a repetition with another one gets ErrMismatch; all empty: not compared
	Window      time.Duration // how long the key is stored
	Reject      bool          // a repetition gets ErrReplayed; false: it is attached to the first run
	Failed      Repetition    // of a run that failed or timed out; no effect with Reject
}

// Repetition is what becomes of a submission with the idempotency key of a run that failed or timed out.
type Repetition uint8

const (
	AttachToFailed Repetition = iota // it is attached to that run
	RunAgain                         // it is a new run
	TellFailed                       // it gets a FailedError
)

// turn encodes how the run shares the queue with others; lua/lib/turns.lua describes the format.
func (s *Submission) turn() string {
	turn := "u"
	if s.Sync {
		turn = "w"
	}
	turn += strconv.FormatInt(s.Flow, 10)
	if s.Share > 0 {
		turn += "/" + strconv.Itoa(s.Share)
	}
	if s.FairKey != "" {
		turn += ":" + keyHash(s.FairKey)
	}
	return turn
}

// submittedFields is the number of arguments of one run in submit.lua.
const submittedFields = 12

// submission is an encoded Submission in a batch, with its reply.
type submission struct {
	args   [submittedFields]any
	answer string
	err    error
}

// Submit stores the run and enqueues its task, both or neither. The ticket is
// registered before anything is stored, so that the result cannot be missed.
// Submit fills in an empty Accepted and ID, and replaces a spread queue by one of
// its shards.
//
// Errors: ErrReplayed, ErrMismatch, a RanError, a FailedError, ErrFull; with Resume also
// ErrNotFound, ErrMoved and a ResumedError; ErrUnavailable when Redis does not answer, in
// which case the run may have been accepted.
func (c *Client) Submit(ctx context.Context, s Submission) (*Ticket, error) {
	t, err := c.submit(ctx, s)
	missing := missingRun(&s, err)
	if missing == "" || c.cfg.History == nil {
		return t, err
	}
	switch failed := c.recallAll(ctx, missing); {
	case failed == nil:
		return c.submit(ctx, s)
	case errors.Is(failed, ErrNotFound), errors.Is(failed, ErrDropped):
		return t, err
	default: // what became of the run is not known now
		return nil, failed
	}
}

// missingRun returns the run that a submission needs and that Redis has removed: the one that it continues, or the first with
// its idempotency key.
func missingRun(s *Submission, err error) string {
	var ran *RanError
	switch {
	case errors.As(err, &ran):
		return ran.Run
	case errors.Is(err, ErrNotFound) && s.Resume != nil:
		return s.Resume.run
	}
	return ""
}

func (c *Client) submit(ctx context.Context, s Submission) (*Ticket, error) {
	if s.Queue = c.cfg.Shards.shardOf(&s); s.Resume != nil {
		s.Queue = s.Resume.shard
	}
	q, err := c.queueState(ctx, s.Queue)
	if err != nil {
		return nil, err
	}
	if c.memoryFull.Load() || s.Sync && q.overdue.Load() {
		return nil, ErrFull
	}
	if s.ID == "" {
		s.ID = NewRunID(s.Queue)
	}
	if s.Accepted.IsZero() {
		s.Accepted = time.Now()
	}
	if s.Collecting != nil {
		return c.submitCollected(ctx, q, &s)
	}
	sub := &submission{}
	if err := c.compose(ctx, q, sub, &s); err != nil {
		return nil, err
	}
	t := c.waiters.add(c, q, s.ID)
	q.submit.Do(sub)
	if sub.err != nil {
		t.Close()
		return nil, sub.err
	}
	if sub.answer == "" {
		c.waiters.accept(t)
		if s.ReplayOf != "" {
			c.linkReplay(ctx, &s.Spec)
		}
		return t, nil
	}
	if err := refusalOf(sub.answer); err != nil {
		t.Close()
		return nil, err
	}
	t.attach(sub.answer)
	return t, nil
}

// refusalOf returns the error of an answer of submit.lua; nil: it is the id of the run to which the submission is attached.
func refusalOf(answer string) error {
	switch answer {
	case "replayed":
		return ErrReplayed
	case "mismatch":
		return ErrMismatch
	case "full":
		return ErrFull
	case "gone":
		return ErrNotFound
	case "moved":
		return ErrMoved
	}
	if run, ok := strings.CutPrefix(answer, "ran"); ok {
		return &RanError{Run: run}
	}
	if run, ok := strings.CutPrefix(answer, "failed"); ok {
		return &FailedError{Run: run}
	}
	if run, ok := strings.CutPrefix(answer, "resumed"); ok {
		return &ResumedError{By: run}
	}
	return nil
}

// compose encodes the arguments of one run for submit.lua.
func (c *Client) compose(ctx context.Context, q *queueState, sub *submission, s *Submission) error {
	message, err := q.template.forRun(s.ID), error(nil)
	if attempt := s.firstAttempt(); attempt > 1 || len(s.Trace) > 0 { // the trace context is stored in the headers of the task
		message, err = encodeTask(ctx, c.asynq, s.Queue, s.ID, strconv.Itoa(attempt), s.Trace)
	}
	if err != nil {
		return err
	}
	spec, err := encodeSpec(&s.Spec)
	if err != nil {
		return err
	}
	sub.args = [submittedFields]any{s.ID, message, spec, []byte(s.Event), s.Limit.Milliseconds(), flag(s.Sync), s.turn(), "", "", "", "", ""}
	if g := s.IdempotencyKey; g != nil {
		copy(sub.args[7:], []any{keyHash(g.Key), g.Fingerprint, g.Window.Milliseconds(), g.repetition()})
	}
	if s.Resume != nil {
		sub.args[11], err = s.Resume.encode(&s.Spec)
	}
	return err
}

// repetition is the argument of submit.lua for repeated submissions.
func (g *IdempotencyKey) repetition() string {
	switch {
	case g.Reject:
		return "refuse"
	case g.Failed == RunAgain:
		return "again"
	case g.Failed == TellFailed:
		return "tell"
	}
	return ""
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return ""
}

// flush sends a batch of submissions in one call of submit.lua. It repeats a call
// whose reply was lost: the script recognises the runs that it has accepted.
func (c *Client) flush(q *queueState, batch []*submission) {
	ctx, cancel := context.WithTimeout(context.Background(), submitWait)
	defer cancel()
	answers, err := c.send(ctx, q, batch, false)
	for wait := 10 * time.Millisecond; err != nil && redisconn.Temporary(err) && ctx.Err() == nil; wait *= 2 {
		_ = sleep.For(ctx, wait)
		answers, err = c.send(ctx, q, batch, true)
	}
	if err == nil && len(answers) != len(batch) {
		err = fmt.Errorf("submit script answered %d of %d runs", len(answers), len(batch))
	}
	for i, s := range batch {
		if err != nil {
			s.err = redisError("submit run", err)
		} else {
			s.answer = answers[i]
		}
	}
}

func (c *Client) send(ctx context.Context, q *queueState, batch []*submission, repeated bool) ([]string, error) {
	args := make([]any, 0, 4+submittedFields*len(batch))
	args = append(args, c.process, flag(repeated), c.cfg.MaxPending, c.cfg.MaxAge.Milliseconds())
	for _, s := range batch {
		args = append(args, s.args[:]...)
	}
	return submitScript.Run(ctx, c.unretried, q.keys.slot(), args...).StringSlice()
}

// Start submits a run without waiting for its result and returns its id, or the
// id of the first run with the same idempotency key. The run starts at the given
// time; zero or past: at once. Errors: those of Submit.
func (c *Client) Start(ctx context.Context, s Submission, at time.Time) (string, error) {
	wait := time.Until(at)
	if wait <= 0 {
		ticket, err := c.Submit(ctx, s)
		if err != nil {
			return "", err
		}
		defer ticket.Close()
		return ticket.RunID(), nil
	}
	if c.memoryFull.Load() {
		return "", ErrFull
	}
	return c.submitDelayed(ctx, &s, wait)
}

// submitDelayed stores a run that starts after a while, see submit_delayed.lua.
func (c *Client) submitDelayed(ctx context.Context, s *Submission, wait time.Duration) (string, error) {
	s.Queue = c.cfg.Shards.shardOf(s)
	if s.ID == "" {
		s.ID = NewRunID(s.Queue)
	}
	if s.Accepted.IsZero() {
		s.Accepted = time.Now()
	}
	spec, err := encodeSpec(&s.Spec)
	if err != nil {
		return "", err
	}
	k := keysOf(s.Queue)
	args := []any{s.ID, spec, []byte(s.Event), s.Limit.Milliseconds(), wait.Milliseconds(), s.turn(), "", "", ""}
	if g := s.IdempotencyKey; g != nil {
		copy(args[6:], []any{keyHash(g.Key), g.Fingerprint, g.Window.Milliseconds()})
	}
	if err := c.redis.SAdd(ctx, asynqQueues, s.Queue).Err(); err != nil {
		return "", redisError("submit delayed run", err)
	}
	id, err := submitDelayedScript.Run(ctx, c.redis, k.slot(), args...).Text()
	switch {
	case err != nil:
		return "", redisError("submit delayed run", err)
	case id == "mismatch":
		return "", ErrMismatch
	}
	return id, nil
}
