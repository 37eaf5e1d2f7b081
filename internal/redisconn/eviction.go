package redisconn

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// NoEviction is the maxmemory-policy with which Redis rejects writes that do not fit. With every other policy it
// deletes keys, and with them runs.
const NoEviction = "noeviction"

// Eviction returns the maxmemory-policy of Redis; for a Cluster, one other than NoEviction if a primary has one.
// Empty: Redis does not report it.
func (c *Conn) Eviction(ctx context.Context) (string, error) {
	client := c.open(0)
	defer client.Close()
	cluster, ok := client.(*redis.ClusterClient)
	if !ok {
		return evictionOf(ctx, client)
	}
	var mu sync.Mutex // the primaries are queried concurrently
	worst := ""
	err := cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		policy, err := evictionOf(ctx, node)
		mu.Lock()
		defer mu.Unlock()
		if worst == "" || worst == NoEviction {
			worst = policy
		}
		return err
	})
	return worst, err
}

func evictionOf(ctx context.Context, node redis.Cmdable) (string, error) {
	info, err := node.Info(ctx, "memory").Result()
	if err != nil {
		return "", fmt.Errorf("read maxmemory-policy: %w", err)
	}
	for line := range strings.Lines(info) {
		if policy, ok := strings.CutPrefix(strings.TrimSpace(line), "maxmemory_policy:"); ok {
			return policy, nil
		}
	}
	return "", nil
}
