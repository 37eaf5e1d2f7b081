package redisconn

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/testenv"
)

// The size of the pool is that of the URL, else the setting, else the default: never a multiple of the machine's
// cores.
func TestPoolsHaveASize(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		url  string
		set  int
		size int
	}{
		{"redis://127.0.0.1:1", 0, DefaultPool}, {"redis://127.0.0.1:1", 7, 7}, {"redis://127.0.0.1:1?pool_size=9", 7, 9},
		{"redis-sentinel://127.0.0.1:1/mymaster", 7, 7}, {"redis-cluster://127.0.0.1:1", 7, 7},
	} {
		conn, err := Parse(c.url)
		if err != nil {
			t.Fatal(err)
		}
		client := conn.WithPool(c.set).Client()
		size := 0
		switch client := client.(type) {
		case *redis.Client:
			size = client.Options().PoolSize
		case *redis.ClusterClient:
			size = client.Options().PoolSize
		}
		if size != c.size {
			t.Errorf("%s with %d: %d connections, want %d", c.url, c.set, size, c.size)
		}
		_ = client.Close()
	}
}

func TestEviction(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{NoEviction, "allkeys-lru", "volatile-ttl"} {
		conn, err := Parse(testenv.Redis(t, "--maxmemory", "100mb", "--maxmemory-policy", policy).URL())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := conn.Eviction(t.Context()); got != policy || err != nil {
			t.Errorf("%q, %v, want %s", got, err, policy)
		}
	}
}
