package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
)

const (
	beatEvery   = time.Second
	repairBatch = 100 // due runs repaired in one heartbeat; after a full reply the next one follows at once
	tidyEvery   = 10  // heartbeats between two removals of old runs
	tidyBatch   = 200 // old runs removed in one call
)

// beat sends a heartbeat every second until ctx ends: it renews the lease of this
// worker, applies the drain setting, and repairs the due runs that it receives.
func (s *Server) beat(ctx context.Context) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := s.beatOnce(ctx); err != nil && ctx.Err() == nil {
			s.cfg.Log.Warn("beat", "error", err)
		}
		if n%tidyEvery == 0 {
			s.tidy(ctx)
		}
	}
}

// beatOnce sends a heartbeat, and further ones while replies contain as many due runs
// as they may.
func (s *Server) beatOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for {
		attempts := s.inFlight.all()
		args := make([]any, 0, 5+3*len(attempts))
		args = append(args, s.cfg.ID, s.claims.session.Load(), s.cfg.Lease.Milliseconds(), repairBatch, s.cfg.capacity())
		for _, a := range attempts {
			args = append(args, a.ID, a.Number, s.makeVisible(a))
		}
		answer, err := beatScript.Run(ctx, s.redis, s.keys.slot(), args...).Slice()
		if err != nil {
			return redisError("beat", err)
		}
		if len(answer) != 3 {
			return fmt.Errorf("beat script answered %d values, not 3", len(answer))
		}
		s.setDraining(answer[2] == int64(1))
		s.cancelLost(attempts, answer[0])
		due, _ := answer[1].([]any)
		s.repairAll(ctx, due)
		if len(due) < 3*repairBatch {
			return nil
		}
	}
}

// makeVisible passes an attempt to asynq at its second heartbeat, unless its outcome is
// being stored, and returns the expiry of its entry in asynq's lease set. asynq renews the
// entry from then on, and its tools do not take the task for an orphan. It returns ""
// otherwise.
func (s *Server) makeVisible(a *Attempt) string {
	if a.beats++; a.beats != 2 || !a.visibility.CompareAndSwap(hidden, visible) {
		return ""
	}
	s.visible.add(a)
	return strconv.FormatInt(time.Now().Add(taskLease).Unix(), 10)
}

func (s *Server) repairAll(ctx context.Context, due []any) {
	for ; len(due) >= 3; due = due[3:] {
		id, _ := due[0].(string)
		fence, _ := due[1].(string)
		wrong, _ := due[2].(string)
		if err := s.repair(ctx, id, fence, wrong); err != nil {
			s.cfg.Log.Warn("repair run", "run_id", id, "wrong", wrong, "error", err) // the run is due again within seconds
		} else if s.cfg.Meter != nil {
			s.cfg.Meter.Repaired(wholeQueue(s.cfg.Queue), wrong)
		}
	}
}

// cancelLost ends the attempts that have lost their runs.
func (s *Server) cancelLost(attempts []*Attempt, answer any) {
	lost, _ := answer.([]any)
	for _, id := range lost {
		for _, a := range attempts {
			if a.ID == id && s.inFlight.get(a.task) == a {
				a.end(ErrLost)
				if s.cfg.Meter != nil {
					s.cfg.Meter.Lost(wholeQueue(s.cfg.Queue))
				}
			}
		}
	}
}

// repair handles a due run by its reason, see beat.lua.
func (s *Server) repair(ctx context.Context, id, fence, wrong string) error {
	n, err := strconv.Atoi(fence)
	if err != nil {
		return fmt.Errorf("read fence: %w", err)
	}
	switch wrong {
	case "settle":
		return s.settle(ctx, []settling{{id: id, visible: true}})
	case "late":
		return s.stop(ctx, id, fence, TimedOut, flows.CodeTimeout, "the run reached its execution limit")
	case "missing":
		return s.requeue(ctx, requeue{id: id, fence: n, from: Queued})
	case "wake":
		return s.requeue(ctx, requeue{id: id, fence: n, from: Waiting})
	case "lost":
		s.cfg.Log.Warn("worker lost", "run_id", id, "attempt", n)
		return s.requeue(ctx, requeue{id: id, fence: n, from: Running, crash: true})
	}
	return fmt.Errorf("unknown fault %q", wrong)
}

func (s *Server) stop(ctx context.Context, id, fence string, state State, code flows.Code, message string) error {
	failure, err := json.Marshal(flows.Error{Code: code, Message: message})
	if err != nil {
		return fmt.Errorf("encode error: %w", err)
	}
	_, err = stopRun(ctx, s.redis, s.keys, stopping{id: id, fence: fence, state: state, failure: failure, publish: publishCommand(s.cfg.Redis.Cluster())})
	return err
}

// requeue are the arguments of requeue.lua, which enqueues the next attempt of a run.
type requeue struct {
	id    string
	fence int
	from  State
	crash bool
	last  bool   // to the end of the queue; false: to its head
	of    string // the worker that must execute the run; empty: any
}

func (s *Server) requeue(ctx context.Context, r requeue) error {
	n, err := requeueRun(ctx, s.redis, s.asynq, s.cfg.Queue, r, s.cfg.MaxCrashes)
	if err != nil {
		return err
	}
	if n == 2 {
		return s.stop(ctx, r.id, strconv.Itoa(r.fence), Failed, flows.CodeCrashed,
			fmt.Sprintf("%d workers were lost while they executed this run", s.cfg.MaxCrashes))
	}
	return nil
}

// requeueRun calls requeue.lua and returns its reply: 1 done, 0 the run has moved on, 2
// too many crashes.
func requeueRun(ctx context.Context, c redis.Scripter, tasks *asynq.Client, queue string, r requeue, maxCrashes int) (int64, error) {
	call, err := requeueCall(ctx, c, tasks, queue, r, maxCrashes)
	if err != nil {
		return 0, err
	}
	n, err := call.Int64()
	if err != nil {
		return 0, redisError("requeue run", err)
	}
	return n, nil
}

// requeueCall calls requeue.lua, or adds the call to a pipeline.
func requeueCall(ctx context.Context, c redis.Scripter, tasks *asynq.Client, queue string, r requeue, maxCrashes int) (*redis.Cmd, error) {
	next := r.fence + 1
	if r.from == Queued { // its task was lost before the attempt began, so the attempt keeps its number
		next = r.fence
	}
	message, err := encodeTask(ctx, tasks, queue, r.id, strconv.Itoa(next), nil)
	if err != nil {
		return nil, err
	}
	return requeueScript.Run(ctx, c, keysOf(queue).slot(),
		r.id, r.fence, string(r.from), message, flag(r.crash), maxCrashes, flag(r.last), r.of), nil
}

// handBack returns a run to the head of the queue. It does not count as a crash.
func (s *Server) handBack(ctx context.Context, a *Attempt) error {
	if a.Number == 0 {
		return nil // not a run: asynq recovers the task when its lease ends
	}
	return s.requeue(ctx, requeue{id: a.ID, fence: a.Number, from: Running, of: s.cfg.ID})
}

// tidy calls tidy.lua until no run with an expired retention is left.
func (s *Server) tidy(ctx context.Context) {
	for ctx.Err() == nil {
		n, err := tidyScript.Run(ctx, s.redis, s.keys.slot(),
			s.cfg.ID, s.cfg.Retention.Milliseconds(), tidyBatch, (tidyEvery * beatEvery * 3 / 2).Milliseconds(), flag(s.cfg.History)).Int64()
		if err != nil {
			s.cfg.Log.Warn("tidy runs", "error", err)
			return
		}
		if n < tidyBatch {
			return
		}
	}
}
