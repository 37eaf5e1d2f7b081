//go:build faults

package faults

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/testenv"
)

// The primary of a Cluster that has the queue dies under load, and its replica
// takes its place: what of Sentinel holds here as well. The other primaries
// refuse work meanwhile, as is Redis' default.
func TestClusterFailover(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(*testing.T, *testenv.RedisServer){
		"killed": func(_ *testing.T, primary *testenv.RedisServer) { primary.Kill() },
		"hung": func(_ *testing.T, primary *testenv.RedisServer) {
			_ = syscall.Kill(primary.Pid(), syscall.SIGSTOP)
			time.AfterFunc(8*time.Second, func() { _ = syscall.Kill(primary.Pid(), syscall.SIGCONT) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := testenv.ClusterWithReplicas(t, "--appendonly", "yes", "--appendfsync", "always")
			failover(t, cluster.URL(), func() *redis.Client {
				primary, replica := owner(t, cluster)
				fail(t, primary)
				return replica.Client()
			})
		})
	}
}

// owner finds the primary that has the queue, and its replica.
func owner(t *testing.T, cluster *testenv.RedisCluster) (primary, replica *testenv.RedisServer) {
	t.Helper()
	for i, n := range cluster.Nodes {
		if keys, err := n.Client().Keys(context.Background(), ours+"*").Result(); err == nil && len(keys) > 0 {
			return n, cluster.Replicas[i]
		}
	}
	t.Fatal("no primary has the queue")
	return nil, nil
}
