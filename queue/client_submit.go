package queue

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/redisconn"
)

const (
	submitFlights = 1 // more only splits the batches
	submitBatch   = 128
	submitWait    = 5 * time.Second // longest wait for Redis to accept; a slower Redis is unavailable
)

// Submission is a run to be stored and enqueued, with what must hold for it
// to be accepted. All of it is decided in one round trip.
type Submission struct {
	Spec
	IdempotencyKey *IdempotencyKey // nil: every submission is a new run
	Limited        bool            // it passes gates, where it must meet the other runs of its flow

	// Share is the part of the queue's slots, in percent, that the flow may have
	// while runs of other flows wait. Zero: as the workers say.
	Share int

	// FairKey names whose run it is among those of its flow: those of each key take turns.
	// Empty: the first accepted goes first.
	FairKey string
}

// SubmissionOf is a run of a flow with all that the flow decides, but for its fair
// key: Flow.FairKey renders that when the event is known.
func SubmissionOf(f *flows.Flow) Submission {
	return Submission{
		Limited: f.Concurrency != nil, Share: f.Share,
		Spec: Spec{Flow: f.Number, Version: f.Version, Queue: f.Queue, Limit: f.Limit},
	}
}

// Guard makes one run of many equal submissions.
type IdempotencyKey struct {
	Key         string        // unique to the caller and what it sent; hashed before it is stored
	Fingerprint string        // a second submission must carry the same one, else ErrMismatch; empty: not compared
	Window      time.Duration // how long the key is remembered
	Reject      bool          // a second submission gets ErrReplayed; else it is attached to the first run
	RetryFailed bool          // but to none that failed or timed out: then it is a new run
}

// turn says how the run shares the queue with others, as lua/lib/turns.lua reads it.
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

// submittedFields are the arguments of one run in submit.lua.
const submittedFields = 11

// submission is one Submission on its way, and what became of it.
type submission struct {
	args   [submittedFields]any
	answer string
	err    error
}

// Submit stores the run and puts its task into the queue: both or neither.
// The result is waited for from before anything is stored, so that it cannot
// be missed. Accepted and ID are filled in when they are empty; a queue that
// is spread becomes one of its shards.
//
// Errors: ErrReplayed, ErrMismatch, a RanError, ErrFull; ErrUnavailable when Redis does
// not answer, and then the run may or may not have been accepted.
func (c *Client) Submit(ctx context.Context, s Submission) (*Ticket, error) {
	s.Queue = c.cfg.Shards.shardOf(&s)
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
	sub := &submission{}
	if err := c.compose(ctx, q, sub, &s); err != nil {
		return nil, err
	}
	t := c.waiters.add(c, q, s.ID)
	q.submit.do(sub)
	if sub.err != nil {
		t.Close()
		return nil, sub.err
	}
	switch sub.answer {
	case "":
		c.waiters.accept(t)
		return t, nil
	case "replayed":
		err = ErrReplayed
	case "mismatch":
		err = ErrMismatch
	case "full":
		err = ErrFull
	default:
		if first, ok := strings.CutPrefix(sub.answer, "ran"); ok {
			err = &RanError{Run: first}
			break
		}
		t.attach(sub.answer)
		return t, nil
	}
	t.Close()
	return nil, err
}

// compose lays out the arguments of one run, as submit.lua takes them.
func (c *Client) compose(ctx context.Context, q *queueState, sub *submission, s *Submission) error {
	message, err := q.template.forRun(s.ID), error(nil)
	if len(s.Trace) > 0 { // it goes into the task's headers
		message, err = encodeTask(ctx, c.asynq, s.Queue, s.ID, "1", s.Trace)
	}
	if err != nil {
		return err
	}
	spec, err := encodeSpec(&s.Spec)
	if err != nil {
		return err
	}
	sub.args = [submittedFields]any{s.ID, message, spec, []byte(s.Event), s.Limit.Milliseconds(), flag(s.Sync), s.turn(), "", "", "", ""}
	if g := s.IdempotencyKey; g != nil {
		copy(sub.args[7:], []any{keyHash(g.Key), g.Fingerprint, g.Window.Milliseconds(), g.repetition()})
	}
	return nil
}

// repetition is what submit.lua does with a second submission.
func (g *IdempotencyKey) repetition() string {
	switch {
	case g.Reject:
		return "refuse"
	case g.RetryFailed:
		return "again"
	}
	return ""
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return ""
}

// flush sends a batch of submissions in one script, and again when its answer
// was lost: the script knows what it has accepted.
func (c *Client) flush(q *queueState, batch []*submission) {
	ctx, cancel := context.WithTimeout(context.Background(), submitWait)
	defer cancel()
	answers, err := c.send(ctx, q, batch, false)
	for wait := 10 * time.Millisecond; err != nil && redisconn.Temporary(err) && ctx.Err() == nil; wait *= 2 {
		time.Sleep(wait)
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

// Start accepts a run that nobody waits for and returns its id, or that of the
// first one with its guard. It starts at the moment; zero or past: at once.
// Errors: those of Submit.
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
		return "", redisError("start run later", err)
	}
	id, err := submitDelayedScript.Run(ctx, c.redis, k.slot(), args...).Text()
	switch {
	case err != nil:
		return "", redisError("start run later", err)
	case id == "mismatch":
		return "", ErrMismatch
	}
	return id, nil
}
