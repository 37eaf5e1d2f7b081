package queue

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/redisconn"
)

// releaseBatch is how many runs of a resumed flow are enqueued in one round trip.
const releaseBatch = 500

// Hold parks the attempt if its flow is paused: InLine, and the handler must
// end with the state Waiting, until Release. Admitted: the pause is over, or
// the run had begun before it. since is when the pause began, which tells one
// from another.
func (a *Attempt) Hold(ctx context.Context, since time.Time) (Admission, error) {
	s := a.server
	var answer string
	err := redisconn.RetryUntilDone(ctx, func() (err error) {
		answer, err = holdScript.Run(ctx, s.redis, s.keys.slot(), a.ID, a.Number, a.Flow, since.UnixMilli()).Text()
		return err
	})
	switch {
	case err != nil:
		return TurnedAway, redisError("hold run", err)
	case answer == "parked":
		a.inLine = true
		return InLine, nil
	case answer == "lost":
		a.end(ErrLost)
		return TurnedAway, fmt.Errorf("hold run: %w", ErrLost)
	}
	return Admitted, nil
}

// Release enqueues the runs that were held for a flow, in the order of their
// acceptance and behind those of others, and returns how many. The pause that
// began at since is over; who is called for one that is over already, or never
// was, enqueues what is left of it. Errors: ErrUnavailable; then runs that
// were not released look by themselves, within five minutes.
func (c *Client) Release(ctx context.Context, flow int64, since time.Time) (int, error) {
	queues, err := c.redis.SMembers(ctx, asynqQueues).Result()
	if err != nil {
		return 0, redisError("list queues", err)
	}
	released := 0
	for _, queue := range queues {
		n, err := c.releaseOn(ctx, queue, flow, since)
		released += n
		if err != nil {
			return released, err
		}
	}
	return released, nil
}

func (c *Client) releaseOn(ctx context.Context, queue string, flow int64, since time.Time) (released int, err error) {
	k := keysOf(queue)
	for {
		next, err := releaseScript.Run(ctx, c.redis, k.slot(), flow, since.UnixMilli(), releaseBatch).StringSlice()
		if err != nil {
			return released, redisError("release runs", err)
		}
		if len(next) == 0 {
			return released, nil
		}
		pipe := c.redis.Pipeline()
		for i := 0; i+1 < len(next); i += 2 {
			if err := c.requeueHeld(ctx, pipe, queue, next[i], next[i+1]); err != nil {
				return released, err
			}
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return released, redisError("release runs", err)
		}
		released += len(next) / 2
	}
}

// requeueHeld asks for the next attempt of a run; one that has moved on
// meanwhile is left alone.
func (c *Client) requeueHeld(ctx context.Context, pipe redis.Pipeliner, queue, run, fence string) error {
	n, err := strconv.Atoi(fence)
	if err != nil {
		return fmt.Errorf("read fence: %w", err)
	}
	_, err = requeueCall(ctx, pipe, c.asynq, queue, requeue{id: run, fence: n, from: Waiting, last: true}, 0)
	return err
}
