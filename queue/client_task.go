package queue

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// Task returns asynq's name of the queue and the id of the task that carries a run. It costs one round trip. Errors: ErrNotFound, when
// the run has none: it has ended, or waits; ErrUnavailable.
func (c *Client) Task(ctx context.Context, r *Record) (queue, id string, err error) {
	if r.State.Terminal() || r.shard == "" {
		return "", "", ErrNotFound
	}
	k := keysOf(r.shard)
	ids := []string{taskID(r.ID, max(1, r.fence)), taskID(r.ID, r.fence+1)} // that of the current attempt, or of the next one
	pipe, found := c.redis.Pipeline(), make([]*redis.IntCmd, len(ids))
	for i, id := range ids {
		found[i] = pipe.Exists(ctx, k.taskPrefix()+id)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return "", "", redisError("find task", err)
	}
	for i, id := range ids {
		if found[i].Val() > 0 {
			return r.shard, id, nil
		}
	}
	return "", "", ErrNotFound
}
