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

// WhenFull is what happens to a run at a concurrency limit without a free place.
type WhenFull string

const (
	WhenFullWait         WhenFull = "queue"       // the run is parked until a place is free, in the order of acceptance
	WhenFullReject       WhenFull = "reject"      // the run is rejected
	WhenFullCancelOldest WhenFull = "drop_oldest" // the holder that was accepted first is cancelled
)

// ConcurrencyLimit bounds the number of runs with the same key that execute at once
// in the whole fleet. Parked runs are not counted. A run that is cancelled from
// outside may continue for a second beside the run that takes its place.
type ConcurrencyLimit struct {
	Key      string // runs with the same key share the limit; only its hash is stored
	Max      int    // number of places, at least 1
	WhenFull WhenFull
}

// Admission is the result of Acquire and ParkIfPaused.
type Admission uint8

const (
	Admitted   Admission = iota
	Deferred             // the run is parked: the handler must return the state Waiting
	Rejected             // it must not execute
	Superseded           // it must not execute: runs that were accepted later take its place
)

// Acquire requests a place at a concurrency limit. The run holds it until the attempt
// ends; each later attempt must call Acquire again. Only the handler may call it.
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
			return Rejected, fmt.Errorf("acquire place: %w", ErrLost)
		case a.ID:
			return Superseded, nil
		}
		if err := a.server.cancelOldest(ctx, answer); err != nil {
			return Rejected, err
		}
	}
}

// acquire calls acquire.lua. It retries until done while Redis does not answer.
func (a *Attempt) acquire(ctx context.Context, limit ConcurrencyLimit) (answer string, err error) {
	s := a.server
	err = redisconn.RetryUntilDone(ctx, func() (err error) {
		answer, err = acquireScript.Run(ctx, s.redis, s.keys.slot(), a.ID, a.Number, keyHash(limit.Key), limit.Max, string(limit.WhenFull), s.cfg.ID).Text()
		return err
	})
	if err != nil {
		return "", redisError("acquire place", err)
	}
	return answer, nil
}

// cancelOldest cancels a run in favour of a later one.
func (s *Server) cancelOldest(ctx context.Context, run string) error {
	failure, err := json.Marshal(flows.Error{Code: flows.CodeCancelled, Message: "a later run took its place"})
	if err != nil {
		return fmt.Errorf("encode error: %w", err)
	}
	_, err = stopRun(ctx, s.redis, s.keys, stopping{id: run, state: Cancelled, failure: failure, publish: publishCommand(s.cfg.Redis.Cluster())})
	return err
}

// releaseLimits releases the places of an attempt and wakes the next runs in line. If
// it fails, waiting runs find the free places when they call Acquire again.
func (s *Server) releaseLimits(a *Attempt) {
	if len(a.limits) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(s.life, finishWait)
	defer cancel()
	for _, limit := range a.limits {
		if err := s.releaseLimit(ctx, a, limit); err != nil {
			s.cfg.Log.Warn("release place", "run_id", a.ID, "error", err)
		}
	}
}

func (s *Server) releaseLimit(ctx context.Context, a *Attempt, limit ConcurrencyLimit) error {
	next, err := releaseScript.Run(ctx, s.redis, s.keys.slot(), a.ID, keyHash(limit.Key), limit.Max).StringSlice()
	if err != nil {
		return redisError("release place", err)
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

// ParkIfPaused parks the run until ResumeFlow if its flow is paused. Deferred: the run is
// parked, and the handler must return the state Waiting. Admitted: the pause is over,
// or the run had begun before it. since is the beginning of the pause, which
// identifies it. Only the handler may call it.
func (a *Attempt) ParkIfPaused(ctx context.Context, since time.Time) (Admission, error) {
	s := a.server
	var answer string
	err := redisconn.RetryUntilDone(ctx, func() (err error) {
		answer, err = parkPausedScript.Run(ctx, s.redis, s.keys.slot(), a.ID, a.Number, a.Flow, since.UnixMilli(), s.cfg.ID).Text()
		return err
	})
	switch {
	case err != nil:
		return Rejected, redisError("park paused run", err)
	case answer == "parked":
		a.deferred = true
		return Deferred, nil
	case answer == "lost":
		a.end(ErrLost)
		return Rejected, fmt.Errorf("park paused run: %w", ErrLost)
	}
	return Admitted, nil
}
