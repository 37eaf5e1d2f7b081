//go:build soak

package faults

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/testenv"
)

var soak = flag.Duration("soak", 10*time.Minute, "how long the load lasts")

// retention is that of ended runs: the keys must level off within the warm-up.
const retention = 20 * time.Second

// Steady load for a long time: what processes and Redis hold stays what it
// was after the warm-up.
func TestSoak(t *testing.T) {
	server := testenv.Redis(t, "--appendonly", "yes", "--appendfsync", "everysec")
	s := newSink(t)
	s.forget = true
	f := newFleet(t, server.URL(), 2, 2, "PENSTOCK_RETENTION="+retention.String(), "PENSTOCK_LOG_LEVEL=warn")
	c := newCaller(t, f, s)
	load := startLoad(c)
	warmUp := max(*soak/5, 2*retention+15*time.Second)
	wait(t, warmUp, load)
	before := takeSample(t, f, server)
	// The second of each kind gives its goroutines away, and is replaced.
	before.api.goroutines, before.worker.goroutines = goroutines(f.api(1).Child), goroutines(f.worker(1))
	f.replaceAPI(1)
	f.replaceWorker(1)
	wait(t, *soak-warmUp, load)
	after := takeSample(t, f, server)
	after.api.goroutines, after.worker.goroutines = goroutines(f.api(0).Child), goroutines(f.worker(0)) // under the load, as before
	calls, failed := load.stop()
	t.Logf("%d of %d calls failed", failed, calls)
	report(t, warmUp, before, after, calls)
	if failed > 40 { // whose api or worker was taken away for its goroutines
		t.Errorf("%d of %d calls failed", failed, calls)
	}
}

// sample is what everything holds at a moment.
type sample struct {
	api, worker process
	redis       struct{ memory, keys, connections int64 }
}

type process struct {
	usage
	goroutines int64
}

// takeSample looks at the processes that live from the beginning to the end.
// Memory is the least of several looks: it goes up and down with the garbage.
func takeSample(t *testing.T, f *fleet, server *testenv.RedisServer) (out sample) {
	t.Helper()
	client := server.Client()
	for i := range 20 {
		api, worker := memory(t, f.api(0).Pid()), memory(t, f.worker(0).Pid())
		if i == 0 || api.rss < out.api.rss {
			out.api.usage = api
		}
		if i == 0 || worker.rss < out.worker.rss {
			out.worker.usage = worker
		}
		used, keys, connections := redisHolds(t, client)
		if i == 0 || used < out.redis.memory {
			out.redis.memory = used
		}
		out.redis.keys, out.redis.connections = keys, connections
		<-time.After(250 * time.Millisecond)
	}
	return out
}

func redisHolds(t *testing.T, c *redis.Client) (memory, keys, connections int64) {
	t.Helper()
	ctx := context.Background()
	info, err := c.InfoMap(ctx, "memory", "clients").Result()
	if err != nil {
		t.Fatal(err)
	}
	return number(info["Memory"]["used_memory"]), c.DBSize(ctx).Val(), number(info["Clients"]["connected_clients"])
}

// goroutines ends a process by the signal that makes it list them.
func goroutines(c *testenv.Child) (n int64) {
	c.Signal(syscall.SIGQUIT)
	<-c.Ended()
	for line := range strings.Lines(c.Log()) {
		if strings.HasPrefix(line, "goroutine ") {
			n++
		}
	}
	return n
}

// report prints the table and fails on what has grown.
func report(t *testing.T, warmUp time.Duration, before, after sample, calls int64) {
	t.Helper()
	fmt.Printf("\n%d calls in %v, a hundred a second\n", calls, *soak)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\tafter %v\tat the end\tmay be\n", warmUp)
	for _, row := range []struct {
		what           string
		unit           int64
		was, is, grace int64 // grace is added to a tenth
	}{
		{"api: memory, MB", 1 << 20, before.api.rss, after.api.rss, 24 << 20},
		{"api: descriptors", 1, before.api.files, after.api.files, 40},
		{"api: threads", 1, before.api.threads, after.api.threads, 5},
		{"api: goroutines", 1, before.api.goroutines, after.api.goroutines, 60},
		{"worker: memory, MB", 1 << 20, before.worker.rss, after.worker.rss, 24 << 20},
		{"worker: descriptors", 1, before.worker.files, after.worker.files, 40},
		{"worker: threads", 1, before.worker.threads, after.worker.threads, 5},
		{"worker: goroutines", 1, before.worker.goroutines, after.worker.goroutines, 60},
		{"Redis: memory, MB", 1 << 20, before.redis.memory, after.redis.memory, 4 << 20},
		{"Redis: keys", 1, before.redis.keys, after.redis.keys, 500},
		{"Redis: connections", 1, before.redis.connections, after.redis.connections, 20},
	} {
		most := row.was + row.was/10 + row.grace
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\n", row.what, row.was/row.unit, row.is/row.unit, most/row.unit)
		if row.is > most {
			t.Errorf("%s: grew from %d to %d", row.what, row.was/row.unit, row.is/row.unit)
		}
	}
	_ = table.Flush()
}
