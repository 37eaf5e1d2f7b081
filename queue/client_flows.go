package queue

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// FlowRuns are the numbers of runs of one flow that no worker executes.
type FlowRuns struct {
	Paused int // waiting for the end of the flow's pause
	Parked int // waiting at a step, at a concurrency limit, or for their start time
	Queued int // waiting for a worker
}

// FlowRuns counts the runs of a flow that no worker executes. It reads every open run of all queues, so
// it is meant for the deletion of a flow only. Errors: ErrUnavailable.
func (c *Client) FlowRuns(ctx context.Context, flow int64) (FlowRuns, error) {
	held, err := c.PausedRuns(ctx, []int64{flow})
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
	n.Paused = int(held[flow])
	n.Parked = max(0, n.Parked-n.Paused)
	return n, err
}

// CancelFlow cancels the runs of a flow that no worker executes and returns their number. why is the
// error of each (JSON); since is the beginning of its pause, zero: it was not paused. Runs that execute
// continue. The pause is over afterwards, also for runs that were requeued meanwhile. Errors: ErrUnavailable.
func (c *Client) CancelFlow(ctx context.Context, flow int64, since time.Time, why []byte) (cancelled int, err error) {
	err = c.eachOpen(ctx, flow, func(k keys, id string, state State) error {
		if state != Waiting && state != Queued {
			return nil
		}
		had, err := stopRun(ctx, c.redis, k, stopping{id: id, state: Cancelled, failure: why, publish: publishCommand(c.cfg.Redis.Cluster())})
		if err == nil && had != "" && !had.Terminal() {
			cancelled++
		}
		return err
	})
	if err != nil || since.IsZero() {
		return cancelled, err
	}
	_, err = c.ResumeFlow(ctx, flow, since) // removes the runs that are left in the line of the pause
	return cancelled, err
}

// eachOpen calls do for every run of a flow that has not been settled, with the
// state that was read before the call.
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

// eachOf does this for one batch of open runs: members are ids and scores alternately.
func (c *Client) eachOf(ctx context.Context, k keys, flow int64, members []string, do func(k keys, id string, state State) error) error {
	reads := map[string]*redis.SliceCmd{} // a map, because ZSCAN may return a run twice
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

// turnIsOf reports whether a turn, as Submission.turn encodes it, belongs to the flow.
func turnIsOf(turn string, flow int64) bool {
	if turn == "" {
		return false
	}
	number, _, _ := strings.Cut(turn[1:], ":")
	number, _, _ = strings.Cut(number, "/")
	return number == strconv.FormatInt(flow, 10)
}

// PausedRuns counts the runs that wait for the end of the pause of each of these
// flows, in one round trip. Errors: ErrUnavailable.
func (c *Client) PausedRuns(ctx context.Context, flows []int64) (map[int64]int64, error) {
	queues, err := c.redis.SMembers(ctx, asynqQueues).Result()
	if err != nil {
		return nil, redisError("list queues", err)
	}
	pipe := c.redis.Pipeline()
	counts := map[int64][]*redis.IntCmd{}
	for _, queue := range queues {
		k := keysOf(queue)
		for _, flow := range flows {
			_, line := k.pausedFlow(flow)
			counts[flow] = append(counts[flow], pipe.ZCard(ctx, line))
		}
	}
	if pipe.Len() == 0 {
		return nil, nil
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, redisError("count paused runs", err)
	}
	held := make(map[int64]int64, len(flows))
	for flow, answers := range counts {
		for _, n := range answers {
			held[flow] += n.Val()
		}
	}
	return held, nil
}

// ResumeFlow ends the pause of a flow that began at since and enqueues its waiting
// runs, in the order of their acceptance and behind other flows' runs. It returns
// their number. Calling it again, or for an unknown pause, enqueues whatever is
// still waiting. Errors: ErrUnavailable; then each run that was not enqueued checks
// the pause by itself within five minutes.
func (c *Client) ResumeFlow(ctx context.Context, flow int64, since time.Time) (int, error) {
	queues, err := c.redis.SMembers(ctx, asynqQueues).Result()
	if err != nil {
		return 0, redisError("list queues", err)
	}
	resumed := 0
	for _, queue := range queues {
		n, err := c.resumeFlowOn(ctx, queue, flow, since)
		resumed += n
		if err != nil {
			return resumed, err
		}
	}
	return resumed, nil
}

func (c *Client) resumeFlowOn(ctx context.Context, queue string, flow int64, since time.Time) (resumed int, err error) {
	k := keysOf(queue)
	for {
		next, err := resumeFlowScript.Run(ctx, c.redis, k.slot(), flow, since.UnixMilli(), resumeBatch).StringSlice()
		if err != nil {
			return resumed, redisError("resume runs", err)
		}
		if len(next) == 0 {
			return resumed, nil
		}
		pipe := c.redis.Pipeline()
		for i := 0; i+1 < len(next); i += 2 {
			if err := c.requeuePaused(ctx, pipe, queue, next[i], next[i+1]); err != nil {
				return resumed, err
			}
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return resumed, redisError("resume runs", err)
		}
		resumed += len(next) / 2
	}
}

// requeuePaused adds the call that enqueues the next attempt of a run to the
// pipeline. A run whose state has changed meanwhile is not enqueued.
func (c *Client) requeuePaused(ctx context.Context, pipe redis.Pipeliner, queue, run, fence string) error {
	n, err := strconv.Atoi(fence)
	if err != nil {
		return fmt.Errorf("read fence: %w", err)
	}
	_, err = requeueCall(ctx, pipe, c.asynq, queue, requeue{id: run, fence: n, from: Waiting, last: true}, 0)
	return err
}

// resumeBatch is the number of runs of a resumed flow that are enqueued in one round trip.
const resumeBatch = 500
