package testenv

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// RedisCluster is a Redis Cluster of the test: three primaries, optionally with a replica each.
type RedisCluster struct {
	Nodes    []*RedisServer // primaries
	Replicas []*RedisServer // of the primary with the same index; nil: none
}

// URL returns the address in the form of the product's settings.
func (c *RedisCluster) URL() string {
	addrs := make([]string, len(c.Nodes))
	for i, n := range c.Nodes {
		addrs[i] = n.Addr
	}
	return "redis-cluster://" + strings.Join(addrs, ",")
}

// Cluster starts three redis-servers, forms a cluster, and waits until all nodes know it. It ends with the test.
func Cluster(t testing.TB, args ...string) *RedisCluster {
	t.Helper()
	c := &RedisCluster{}
	ctx, cancel := context.WithTimeout(context.Background(), 2*startLimit)
	defer cancel()
	for range primaries {
		c.Nodes = append(c.Nodes, clusterNode(t, args))
	}
	for i, n := range c.Nodes {
		const slots = 16384
		if err := n.Client().ClusterAddSlotsRange(ctx, i*slots/primaries, (i+1)*slots/primaries-1).Err(); err != nil {
			t.Fatalf("give slots to a node: %v", err)
		}
	}
	meet(ctx, t, c.Nodes)
	return c
}

// ClusterWithReplicas is Cluster with a replica of each primary, which replaces a primary that has been gone for two
// seconds.
func ClusterWithReplicas(t testing.TB, args ...string) *RedisCluster {
	t.Helper()
	c := Cluster(t, args...)
	ctx, cancel := context.WithTimeout(context.Background(), 2*startLimit)
	defer cancel()
	for range c.Nodes {
		c.Replicas = append(c.Replicas, clusterNode(t, args))
	}
	meet(ctx, t, slices.Concat(c.Nodes, c.Replicas))
	for i, r := range c.Replicas {
		id, err := c.Nodes[i].Client().Do(ctx, "cluster", "myid").Text()
		if err == nil {
			err = r.Client().ClusterReplicate(ctx, id).Err()
		}
		if err != nil {
			t.Fatalf("make a node a replica: %v", err)
		}
	}
	for _, r := range c.Replicas {
		waitForNode(ctx, t, "its replica is up to date", func() (string, bool) {
			info, err := r.Client().Info(ctx, "replication").Result()
			return info, err == nil && strings.Contains(info, "master_link_status:up")
		})
	}
	return c
}

const primaries = 3

func clusterNode(t testing.TB, args []string) *RedisServer {
	bus := freePort(t) // the default, ten thousand above the port, may not exist
	return Redis(t, append([]string{
		"--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "2000",
	}, args...)...)
}

// meet introduces the nodes to each other, and waits until each knows all.
func meet(ctx context.Context, t testing.TB, nodes []*RedisServer) {
	t.Helper()
	for i, n := range nodes {
		for _, other := range nodes[:i] {
			host, port, _ := net.SplitHostPort(other.Addr)
			if err := n.Client().Do(ctx, "cluster", "meet", host, port, busPort(other)).Err(); err != nil {
				t.Fatalf("introduce a node: %v", err)
			}
		}
	}
	known := fmt.Sprintf("cluster_known_nodes:%d\r", len(nodes))
	for _, n := range nodes {
		waitForNode(ctx, t, "it knows its cluster", func() (string, bool) {
			info, err := n.Client().ClusterInfo(ctx).Result()
			return info, err == nil && strings.Contains(info, "cluster_state:ok") && strings.Contains(info, known)
		})
	}
}

func busPort(s *RedisServer) string {
	for i, a := range s.args {
		if a == "--cluster-port" {
			return s.args[i+1]
		}
	}
	return strconv.Itoa(0)
}

// waitForNode waits until said returns true.
func waitForNode(ctx context.Context, t testing.TB, what string, said func() (string, bool)) {
	t.Helper()
	for {
		info, ok := said()
		if ok {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("a node of the cluster does not say that %s:\n%s", what, info)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
