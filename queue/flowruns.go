package queue

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// FlowRuns are the runs of one flow that have not begun or were parked half-way.
type FlowRuns struct {
	Held   int // they wait because the flow is paused
	Parked int // they wait at a step, at a concurrency limit, or for the moment at which they start
	Queued int // they wait for a worker
}

// FlowRuns counts the runs of a flow that no worker executes. It looks at every open run, so it
// is for who deletes a flow. Errors: ErrUnavailable.
func (c *Client) FlowRuns(ctx context.Context, flow int64) (FlowRuns, error) {
	held, err := c.Held(ctx, []int64{flow})
	if err != nil {
		return FlowRuns{}, err
	}
	var n FlowRuns
	err = c.eachOpen(ctx, flow, func(_ keys, _ string, state State) error {
		switch state {
		case Waiting:
			n.Parked++
		case Queued:
			n.Queued++
		}
		return nil
	})
	n.Held = int(held[flow])
	n.Parked = max(0, n.Parked-n.Held)
	return n, err
}

// CancelFlow cancels the runs of a flow that no worker executes and returns how many. why is the
// error of each (JSON); since is when its pause began, zero: it was not paused. Runs that
// execute go on, and those that were released meanwhile are not held again. Errors: ErrUnavailable.
func (c *Client) CancelFlow(ctx context.Context, flow int64, since time.Time, why []byte) (cancelled int, err error) {
	err = c.eachOpen(ctx, flow, func(k keys, id string, state State) error {
		if state != Waiting && state != Queued {
			return nil
		}
		had, err := stopRun(ctx, c.redis, k, stopping{id: id, state: Cancelled, failure: why, publish: publish(c.cfg.Redis.Cluster())})
		if err == nil && had != "" && !had.Terminal() {
			cancelled++
		}
		return err
	})
	if err != nil || since.IsZero() {
		return cancelled, err
	}
	_, err = c.Release(ctx, flow, since) // what is left of its line
	return cancelled, err
}

// eachOpen calls do for every run of a flow that has not been settled, with its
// state a moment ago.
func (c *Client) eachOpen(ctx context.Context, flow int64, do func(k keys, id string, state State) error) error {
	queues, err := c.redis.SMembers(ctx, asynqQueues).Result()
	if err != nil {
		return redisError("list queues", err)
	}
	for _, queue := range queues {
		k := keysOf(queue)
		for cursor, first := uint64(0), true; first || cursor != 0; first = false {
			var members []string
			if members, cursor, err = c.redis.ZScan(ctx, k.due(), cursor, "", listBatch).Result(); err != nil {
				return redisError("list open runs", err)
			}
			if err := c.eachOf(ctx, k, flow, members, do); err != nil {
				return err
			}
		}
	}
	return nil
}

// eachOf does the same for some open runs: members are ids and scores in turn.
func (c *Client) eachOf(ctx context.Context, k keys, flow int64, members []string, do func(k keys, id string, state State) error) error {
	reads := map[string]*redis.SliceCmd{} // ZSCAN may name a run twice
	pipe := c.redis.Pipeline()
	for i := 0; i < len(members); i += 2 {
		reads[members[i]] = pipe.HMGet(ctx, k.runPrefix()+members[i], "turn", "state")
	}
	if len(reads) == 0 {
		return nil
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return redisError("read open runs", err)
	}
	for id, read := range reads {
		turn, _ := read.Val()[0].(string)
		state, _ := read.Val()[1].(string)
		if !turnIsOf(turn, flow) {
			continue
		}
		if err := do(k, id, State(state)); err != nil {
			return err
		}
	}
	return nil
}

// turnIsOf reports whether a turn, as Submission.turn writes it, is that of a flow's run.
func turnIsOf(turn string, flow int64) bool {
	if turn == "" {
		return false
	}
	number, _, _ := strings.Cut(turn[1:], ":")
	number, _, _ = strings.Cut(number, "/")
	return number == strconv.FormatInt(flow, 10)
}
