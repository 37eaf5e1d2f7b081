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
)

// WhenFull is what happens to a run that comes to a gate with no free place.
type WhenFull string

const (
	WhenFullWait         WhenFull = "queue"       // it is parked until there is a place, the first accepted first
	WhenFullReject       WhenFull = "reject"      // it does not get in
	WhenFullCancelOldest WhenFull = "drop_oldest" // the run that was accepted first is cancelled for it
)

// Gate bounds how many runs of one kind execute at once, in the whole fleet.
// Parked runs do not count. A run that is cancelled from outside may go on for
// a second beside the one that takes its place.
type ConcurrencyLimit struct {
	Key      string // names the kind; hashed before it is stored
	Max      int    // at least 1
	WhenFull WhenFull
}

// Admission is what became of a run at a gate.
type Admission uint8

const (
	Admitted   Admission = iota
	Deferred             // it is parked: the handler must end with the state Waiting
	Rejected             // it must not execute
	Superseded           // it must not execute: runs that were accepted later do
)

// Enter asks a gate for a place, which the run has until the attempt ends. A
// run that is resumed asks again.
func (a *Attempt) Acquire(ctx context.Context, limit ConcurrencyLimit) (Admission, error) {
	a.limits = append(a.limits, limit)
	for {
		answer, err := a.acquire(ctx, limit)
		if err != nil {
			return Rejected, err
		}
		switch answer {
		case "in":
			return Admitted, nil
		case "parked":
			a.deferred = true
			return Deferred, nil
		case "full":
			return Rejected, nil
		case "lost":
			a.end(ErrLost)
			return Rejected, fmt.Errorf("enter: %w", ErrLost)
		case a.ID:
			return Superseded, nil
		}
		if err := a.server.cancelOldest(ctx, answer); err != nil {
			return Rejected, err
		}
	}
}

// ask calls the script; a Redis that is away is waited for.
func (a *Attempt) acquire(ctx context.Context, limit ConcurrencyLimit) (answer string, err error) {
	s := a.server
	err = redisconn.RetryUntilDone(ctx, func() (err error) {
		answer, err = acquireScript.Run(ctx, s.redis, s.keys.slot(), a.ID, a.Number, keyHash(limit.Key), limit.Max, string(limit.WhenFull)).Text()
		return err
	})
	if err != nil {
		return "", redisError("enter", err)
	}
	return answer, nil
}

// supersede cancels a run for a later one.
func (s *Server) cancelOldest(ctx context.Context, run string) error {
	failure, err := json.Marshal(flows.Error{Code: flows.CodeCancelled, Message: "a later run took its place"})
	if err != nil {
		return fmt.Errorf("encode error: %w", err)
	}
	_, err = stopRun(ctx, s.redis, s.keys, stopping{id: run, state: Cancelled, failure: failure, publish: publishCommand(s.cfg.Redis.Cluster())})
	return err
}

// vacate gives up the places of an attempt and wakes who comes next. What a
// fault leaves is found by those in line when they ask again.
func (s *Server) releaseLimits(a *Attempt) {
	if len(a.limits) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(s.life, finishWait)
	defer cancel()
	for _, limit := range a.limits {
		if err := s.releaseLimit(ctx, a, limit); err != nil {
			s.cfg.Log.Warn("vacate", "run_id", a.ID, "error", err)
		}
	}
}

func (s *Server) releaseLimit(ctx context.Context, a *Attempt, limit ConcurrencyLimit) error {
	next, err := releaseScript.Run(ctx, s.redis, s.keys.slot(), a.ID, keyHash(limit.Key), limit.Max).StringSlice()
	if err != nil {
		return redisError("vacate", err)
	}
	var failures []error
	for ; len(next) >= 2; next = next[2:] {
		fence, err := strconv.Atoi(next[1])
		if err == nil {
			err = s.requeue(ctx, requeue{id: next[0], fence: fence, from: Waiting})
		}
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// Hold parks the attempt if its flow is paused: InLine, and the handler must
// end with the state Waiting, until Release. Admitted: the pause is over, or
// the run had begun before it. since is when the pause began, which tells one
// from another.
func (a *Attempt) ParkIfPaused(ctx context.Context, since time.Time) (Admission, error) {
	s := a.server
	var answer string
	err := redisconn.RetryUntilDone(ctx, func() (err error) {
		answer, err = parkPausedScript.Run(ctx, s.redis, s.keys.slot(), a.ID, a.Number, a.Flow, since.UnixMilli()).Text()
		return err
	})
	switch {
	case err != nil:
		return Rejected, redisError("hold run", err)
	case answer == "parked":
		a.deferred = true
		return Deferred, nil
	case answer == "lost":
		a.end(ErrLost)
		return Rejected, fmt.Errorf("hold run: %w", ErrLost)
	}
	return Admitted, nil
}
