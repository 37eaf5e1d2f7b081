package testenv

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// sentinelMaster is the name of the master.
const sentinelMaster = "main"

// Sentinels are three sentinels with a master and a replica.
type Sentinels struct {
	Master, Replica *RedisServer

	addrs []string
}

// Sentinel starts a master, a replica and three sentinels, which fail over after the master has not answered for
// downAfter, and waits until they know each other. args are those of both servers.
func Sentinel(t testing.TB, downAfter time.Duration, args ...string) *Sentinels {
	t.Helper()
	s := &Sentinels{Master: Redis(t, append(args, "--repl-diskless-sync-delay", "0")...)}
	host, port, _ := net.SplitHostPort(s.Master.Addr)
	s.Replica = Redis(t, append(args, "--replicaof", host+" "+port)...)
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		config := filepath.Join(t.TempDir(), "sentinel.conf")
		addr := net.JoinHostPort(host, freePort(t))
		_, own, _ := net.SplitHostPort(addr)
		text := fmt.Sprintf("port %s\nbind 127.0.0.1\nsentinel monitor %s %s %s 2\nsentinel down-after-milliseconds %s %d\nsentinel failover-timeout %s 10000\n",
			own, sentinelMaster, host, port, sentinelMaster, downAfter.Milliseconds(), sentinelMaster)
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		Start(t, "sentinel", path, []string{"LC_ALL=C"}, config, "--sentinel")
		s.addrs = append(s.addrs, addr)
	}
	s.await(t)
	return s
}

// URL returns the address in the form of the product's settings.
func (s *Sentinels) URL() string {
	return fmt.Sprintf("redis-sentinel://%s,%s,%s/%s", s.addrs[0], s.addrs[1], s.addrs[2], sentinelMaster)
}

// await waits until the replica is in sync with the master, and every sentinel knows the others and the replica.
func (s *Sentinels) await(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*startLimit)
	defer cancel()
	replica := s.Replica.Client()
	for {
		role, err := replica.Do(ctx, "role").Slice()
		if err == nil && len(role) > 3 && role[3] == "connected" {
			break
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the replica is %v, %v", role, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	for _, addr := range s.addrs {
		client := redis.NewSentinelClient(&redis.Options{Addr: addr})
		for {
			known, err := client.Master(ctx, sentinelMaster).Result()
			if err == nil && known["num-slaves"] == "1" && known["num-other-sentinels"] == "2" {
				break
			}
			select {
			case <-ctx.Done():
				t.Fatalf("the sentinel at %s knows %v, %v", addr, known, err)
			case <-time.After(50 * time.Millisecond):
			}
		}
		_ = client.Close()
	}
}
