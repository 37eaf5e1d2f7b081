package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/redisconn"
)

// Retry is what a run that was tried again tells of its tries, see run.retry of its flow.
type Retry struct {
	Attempts int   `json:"attempts"` // maximum of tries, including the first
	Tries    []Try `json:"tries"`    // those that failed and were followed by another one, the oldest first; fewer than Attempts
}

// Try is a try of a run that failed.
type Try struct {
	Attempt int         `json:"attempt"`   // number of the attempt
	Failed  time.Time   `json:"failed_at"` // by the clock of its worker
	Error   flows.Error `json:"error"`
	Next    time.Time   `json:"retry_at"` // when the next try begins
}

// maxTryMessage is the maximum length of the message of a Try in bytes.
const maxTryMessage = 500

func decodeRetry(text string) (*Retry, error) {
	if text == "" {
		return nil, nil
	}
	r := &Retry{}
	if err := json.Unmarshal([]byte(text), r); err != nil {
		return nil, fmt.Errorf("decode retry of run: %w", err)
	}
	return r, nil
}

// RetryPlan is how a run that failed is tried again. Attempt.PlanRetry makes one.
type RetryPlan struct {
	record Retry
	plan   *flows.Resumption
}

// encode encodes the argument of park.lua; empty for nil.
func (p *RetryPlan) encode() string {
	if p == nil {
		return ""
	}
	record, err := json.Marshal(p.record)
	if err != nil {
		panic(err) // texts, numbers and times always encode
	}
	remove, set := encodeAmendment(p.plan)
	b, err := json.Marshal(map[string]any{"record": string(record), "remove": remove, "set": set})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// Retry returns what the record has of earlier tries of the run; the zero Retry: this is the first. It waits while Redis
// is unavailable.
func (a *Attempt) Retry(ctx context.Context) (Retry, error) {
	s := a.server
	var text string
	err := redisconn.RetryUntilDone(ctx, func() (err error) {
		if text, err = s.redis.HGet(ctx, s.keys.runPrefix()+a.ID, "retry").Result(); errors.Is(err, redis.Nil) {
			return nil
		}
		return err
	})
	if err != nil {
		return Retry{}, redisError("read retry of run", err)
	}
	r, err := decodeRetry(text)
	if r == nil {
		r = &Retry{}
	}
	return *r, err
}

// PlanRetry plans another try of the run, whose attempt failed. earlier is what Retry returned. Effects with a result are
// kept; the failed ones are executed again, with their idempotency keys. It returns nil when an effect is uncertain.
func (a *Attempt) PlanRetry(ctx context.Context, flow *flows.Flow, earlier Retry, failed *flows.Error, next time.Time) (*RetryPlan, error) {
	s := a.server
	var journal []flows.JournalEntry
	err := redisconn.RetryUntilDone(ctx, func() (err error) {
		journal, err = readEntries(ctx, s.redis, s.keys.journalPrefix()+a.ID)
		return err
	})
	if err != nil {
		return nil, redisError("read journal", err)
	}
	plan, err := flow.Resume(flow, journal, flows.ResumeOptions{Run: taskID(a.ID, a.Number), Failed: failed.Step})
	if err != nil || len(plan.Uncertain()) > 0 {
		return nil, err
	}
	try := Try{Attempt: a.Number, Failed: time.Now().UTC(), Error: *failed, Next: next.UTC()}
	if m := failed.Message; len(m) > maxTryMessage {
		try.Error.Message = strings.ToValidUTF8(m[:maxTryMessage], "") + "…"
	}
	return &RetryPlan{Retry{flow.Retry.Attempts, append(earlier.Tries, try)}, plan}, nil
}
