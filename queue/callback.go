package queue

import (
	"context"
	"errors"
	"strconv"
)

// What Call answers, besides ErrNotFound and errors of the connection.
var (
	ErrOver   = errors.New("queue: the run has ended")
	ErrCalled = errors.New("queue: the step has a result already")
)

// Call gives a step that waits its result, JSON as a flows.Journal records it,
// and wakes the run. The first call of a step counts. Errors: ErrNotFound,
// ErrOver, ErrCalled, ErrUnavailable, ErrFull.
func (c *Client) Call(ctx context.Context, run, key string, result []byte) error {
	queues, err := c.queuesOf(ctx, run)
	if err != nil {
		return err
	}
	for _, queue := range queues {
		if err := c.call(ctx, queue, run, key, result); !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return ErrNotFound
}

func (c *Client) call(ctx context.Context, queue, run, key string, result []byte) error {
	k := keysOf(queue)
	answer, err := callbackScript.Run(ctx, c.redis, k.slot(), run, key, "r"+string(result)).Text()
	if err != nil {
		return redisError("call run", err)
	}
	switch answer {
	case "":
		return nil
	case "none":
		return ErrNotFound
	case "over":
		return ErrOver
	case "again":
		return ErrCalled
	}
	fence, err := strconv.Atoi(answer)
	if err != nil {
		return redisError("call run", err)
	}
	// The reconciler would do it within a second.
	if _, err := requeueRun(ctx, c.redis, c.asynq, queue, requeue{id: run, fence: fence, from: Waiting}, 0); err != nil {
		c.cfg.Log.Warn("wake run", "run_id", run, "error", err)
	}
	return nil
}
