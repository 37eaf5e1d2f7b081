package queue

import (
	"context"
	"fmt"
	"sync"

	"github.com/redis/go-redis/v9"
)

// Held counts the runs that are held for each of these paused flows, in one
// round trip. Errors: ErrUnavailable.
func (c *Client) Held(ctx context.Context, flows []int64) (map[int64]int64, error) {
	queues, err := c.redis.SMembers(ctx, asynqQueues).Result()
	if err != nil {
		return nil, redisError("list queues", err)
	}
	pipe := c.redis.Pipeline()
	counts := map[int64][]*redis.IntCmd{}
	for _, queue := range queues {
		k := keysOf(queue)
		for _, flow := range flows {
			_, line := k.hold(flow)
			counts[flow] = append(counts[flow], pipe.ZCard(ctx, line))
		}
	}
	if pipe.Len() == 0 {
		return nil, nil
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, redisError("count held runs", err)
	}
	held := make(map[int64]int64, len(flows))
	for flow, answers := range counts {
		for _, n := range answers {
			held[flow] += n.Val()
		}
	}
	return held, nil
}

// Memory is how many bytes Redis uses and may use, 0: there is no limit. Of a
// Cluster it is the primary that is fullest. Errors: ErrUnavailable.
func (c *Client) Memory(ctx context.Context) (used, limit int64, err error) {
	cluster, ok := c.redis.(*redis.ClusterClient)
	if !ok {
		return memoryOf(ctx, c.redis)
	}
	var mu sync.Mutex // the primaries are asked at once
	err = cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		u, l, err := memoryOf(ctx, node)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if l*used <= u*limit || limit == 0 {
			used, limit = u, l
		}
		return nil
	})
	if err != nil {
		return 0, 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return used, limit, nil
}

func memoryOf(ctx context.Context, node redis.Cmdable) (used, limit int64, err error) {
	info, err := node.Info(ctx, "memory").Result()
	if err != nil {
		return 0, 0, redisError("read memory", err)
	}
	return infoNumber(info, "used_memory"), infoNumber(info, "maxmemory"), nil
}
