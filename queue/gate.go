package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/redisconn"
)

// WhenFull is what happens to a run that comes to a gate with no free place.
type WhenFull string

const (
	WaitInLine WhenFull = "queue"       // it is parked until there is a place, the first accepted first
	TurnAway   WhenFull = "reject"      // it does not get in
	DropOldest WhenFull = "drop_oldest" // the run that was accepted first is cancelled for it
)

// Gate bounds how many runs of one kind execute at once, in the whole fleet.
// Parked runs do not count. A run that is cancelled from outside may go on for
// a second beside the one that takes its place.
type Gate struct {
	Key      string // names the kind; hashed before it is stored
	Limit    int    // at least 1
	WhenFull WhenFull
}

// Admission is what became of a run at a gate.
type Admission uint8

const (
	Admitted   Admission = iota
	InLine               // it is parked: the handler must end with the state Waiting
	TurnedAway           // it must not execute
	Superseded           // it must not execute: runs that were accepted later do
)

// Enter asks a gate for a place, which the run has until the attempt ends. A
// run that is resumed asks again.
func (a *Attempt) Enter(ctx context.Context, g Gate) (Admission, error) {
	a.gates = append(a.gates, g)
	for {
		answer, err := a.ask(ctx, g)
		if err != nil {
			return TurnedAway, err
		}
		switch answer {
		case "in":
			return Admitted, nil
		case "parked":
			a.inLine = true
			return InLine, nil
		case "full":
			return TurnedAway, nil
		case "lost":
			a.end(ErrLost)
			return TurnedAway, fmt.Errorf("enter: %w", ErrLost)
		case a.ID:
			return Superseded, nil
		}
		if err := a.server.supersede(ctx, answer); err != nil {
			return TurnedAway, err
		}
	}
}

// ask calls the script; a Redis that is away is waited for.
func (a *Attempt) ask(ctx context.Context, g Gate) (answer string, err error) {
	s := a.server
	err = redisconn.RetryUntilDone(ctx, func() (err error) {
		answer, err = enterScript.Run(ctx, s.redis, s.keys.slot(), a.ID, a.Number, guardHash(g.Key), g.Limit, string(g.WhenFull)).Text()
		return err
	})
	if err != nil {
		return "", redisError("enter", err)
	}
	return answer, nil
}

// supersede cancels a run for a later one.
func (s *Server) supersede(ctx context.Context, run string) error {
	failure, err := json.Marshal(flows.Error{Code: flows.CodeCancelled, Message: "a later run took its place"})
	if err != nil {
		return fmt.Errorf("encode error: %w", err)
	}
	_, err = stopRun(ctx, s.redis, s.keys, stopping{id: run, state: Cancelled, failure: failure, publish: publish(s.cfg.Redis.Cluster())})
	return err
}

// vacate gives up the places of an attempt and wakes who comes next. What a
// fault leaves is found by those in line when they ask again.
func (s *Server) vacate(a *Attempt) {
	if len(a.gates) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(s.life, finishWait)
	defer cancel()
	for _, g := range a.gates {
		if err := s.vacateOne(ctx, a, g); err != nil {
			s.cfg.Log.Warn("vacate", "run_id", a.ID, "error", err)
		}
	}
}

func (s *Server) vacateOne(ctx context.Context, a *Attempt, g Gate) error {
	next, err := vacateScript.Run(ctx, s.redis, s.keys.slot(), a.ID, guardHash(g.Key), g.Limit).StringSlice()
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
