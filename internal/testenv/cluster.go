package testenv

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// RedisCluster is a Redis Cluster of the test: three primaries, no replicas.
type RedisCluster struct {
	Nodes []*RedisServer
}

// URL is the address as the product's settings take it.
func (c *RedisCluster) URL() string {
	addrs := make([]string, len(c.Nodes))
	for i, n := range c.Nodes {
		addrs[i] = n.Addr
	}
	return "redis-cluster://" + strings.Join(addrs, ",")
}

// Cluster starts three redis-servers, makes a cluster of them, and waits until
// all of them know it. It is ended with the test.
func Cluster(t testing.TB, args ...string) *RedisCluster {
	t.Helper()
	const nodes, slots = 3, 16384
	c := &RedisCluster{}
	for range nodes {
		bus := freePort(t) // the default, ten thousand above the port, may not exist
		c.Nodes = append(c.Nodes, Redis(t, append([]string{
			"--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "2000",
		}, args...)...))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*startLimit)
	defer cancel()
	for i, n := range c.Nodes {
		client := n.Client()
		from, to := i*slots/nodes, (i+1)*slots/nodes-1
		if err := client.ClusterAddSlotsRange(ctx, from, to).Err(); err != nil {
			t.Fatalf("give slots to a node: %v", err)
		}
		for _, other := range c.Nodes[:i] {
			host, port, _ := net.SplitHostPort(other.Addr)
			if err := client.Do(ctx, "cluster", "meet", host, port, busPort(other)).Err(); err != nil {
				t.Fatalf("introduce a node: %v", err)
			}
		}
	}
	for _, n := range c.Nodes {
		waitForCluster(ctx, t, n.Client(), nodes)
	}
	return c
}

func busPort(s *RedisServer) string {
	for i, a := range s.args {
		if a == "--cluster-port" {
			return s.args[i+1]
		}
	}
	return strconv.Itoa(0)
}

func waitForCluster(ctx context.Context, t testing.TB, client *redis.Client, nodes int) {
	t.Helper()
	for {
		info, err := client.ClusterInfo(ctx).Result()
		if err == nil && strings.Contains(info, "cluster_state:ok") && strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d\r", nodes)) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the cluster did not come up: %v\n%s", err, info)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
