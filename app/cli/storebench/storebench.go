// Package storebench measures the start of a process and changes of the store, with many flows and API keys.
package storebench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing/fstest"
	"time"

	"github.com/penstock/penstock/app/cli/directstore"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/store"
)

// Benchmark is what is measured. Flows and Keys must be set, to at least 1, before Run.
type Benchmark struct {
	Flows      int           `json:"flows"`
	Keys       int           `json:"keys"`
	Deploy     time.Duration `json:"deploy_ns"`     // of the directory, for the first time
	Open       time.Duration `json:"open_ns"`       // until a process is ready, every credential opened once
	Unchanged  time.Duration `json:"unchanged_ns"`  // deploying the same directory again
	HeapBytes  uint64        `json:"heap_bytes"`    // of a process that has opened the store
	AllCalled  uint64        `json:"all_called"`    // of one whose flows and keys were all asked for
	RedisBytes int64         `json:"redis_bytes"`   // that the data takes there
	Put        []float64     `json:"put_ms"`        // deploying one changed flow: p50, p99, max
	Seen       []float64     `json:"seen_ms"`       // from then until another process has it
	KeyFirst   []float64     `json:"key_first_ms"`  // looking up a key that was not asked for yet
	KeyAgain   []float64     `json:"key_again_ms"`  // and one that was
	FlowFirst  []float64     `json:"flow_first_ms"` // compiling a flow when it is first called
}

// benchChanges is how many changes, and look-ups of each sort, are measured.
const benchChanges = 200

// Run fills the Redis at the URL, which must have no data of the product, and measures. The data stays there.
func (b *Benchmark) Run(ctx context.Context, url string) error {
	conn, err := redisconn.Parse(url)
	if err != nil {
		return err
	}
	master := [][]byte{store.NewMasterKey()}
	open := func() (*directstore.Store, error) {
		return directstore.Open(ctx, conn, master, slog.New(slog.DiscardHandler))
	}
	dir := b.directory()
	if err := b.fill(ctx, open, dir); err != nil {
		return err
	}
	before := heap()
	start := time.Now()
	one, err := open()
	if err != nil {
		return err
	}
	defer one.Close()
	b.Open = time.Since(start)
	start = time.Now()
	if _, _, err := one.Store.Flows().LoadFS(ctx, dir); err != nil {
		return err
	}
	b.Unchanged = time.Since(start)
	b.HeapBytes = heap() - before
	if err := b.lookUp(ctx, one.Store); err != nil {
		return err
	}
	b.AllCalled = heap() - before
	other, err := open()
	if err != nil {
		return err
	}
	defer other.Close()
	if err := b.change(ctx, one.Store, other.Store); err != nil {
		return err
	}
	for _, all := range []*[]float64{&b.Put, &b.Seen, &b.KeyFirst, &b.KeyAgain, &b.FlowFirst} {
		*all = percentilesOf(*all)
	}
	return b.redisMemory(ctx, conn)
}

// directory has flows as small ones are: a few steps, a program each.
func (b *Benchmark) directory() fstest.MapFS {
	dir := make(fstest.MapFS, b.Flows)
	for i := range b.Flows {
		dir[fmt.Sprintf("flow-%d.yaml", i)] = &fstest.MapFile{Data: []byte(benchFlow(i+1, "made"))}
	}
	return dir
}

func benchFlow(number int, name string) string {
	return fmt.Sprintf("flow: %d\nslug: bench-%d\nname: %s\ntrigger: webhook\nsteps:\n  - filter: .amount > %d\n"+
		"  - transform: '{id, amount: (.amount * 100), source: \"bench\"}'\n  - http: {post: \"https://api.example.org/gifts/${ .id }\"}\n"+
		"  - transform: '{ok: true}'\n", number, number, name, number)
}

// fill deploys the directory and makes the keys.
func (b *Benchmark) fill(ctx context.Context, open func() (*directstore.Store, error), dir fstest.MapFS) error {
	o, err := open()
	if err != nil {
		return err
	}
	defer o.Close()
	s := o.Store
	if n, err := s.Keys().Len(ctx); err != nil || n > 0 || len(s.Flows().List()) > 0 {
		return errors.Join(err, errors.New("there are flows or keys in this Redis"))
	}
	start := time.Now()
	_, problems, err := s.Flows().LoadFS(ctx, dir)
	if err == nil && len(problems) > 0 {
		err = problems[0]
	}
	if err != nil {
		return err
	}
	b.Deploy = time.Since(start)
	const batch = 500
	for i := 0; i < b.Keys; i += batch {
		keys := make([]store.Key, min(batch, b.Keys-i))
		for j := range keys {
			keys[j] = store.Key{Key: "bench-" + strconv.Itoa(i+j), Name: "bench", APIAccess: true}
		}
		if err := s.Keys().PutAll(ctx, keys); err != nil {
			return err
		}
	}
	return nil
}

// change measures changes of one process, and when another one has them.
func (b *Benchmark) change(ctx context.Context, one, other *store.Store) error {
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- other.Run(running) }()
	defer func() { stop(); <-ended }()
	for i := range benchChanges {
		flow, err := one.Flows().Parse("flow", []byte(benchFlow(1+i%b.Flows, "changed "+strconv.Itoa(i))))
		if err != nil {
			return err
		}
		start := time.Now()
		if _, err := one.Flows().Deploy(ctx, flow); err != nil {
			return err
		}
		b.Put = append(b.Put, ms(start))
		for other.Flows().VersionNow(flow.Number) != flow.Version {
			if time.Since(start) > 10*time.Second {
				return errors.New("a change is not known in another process after 10 s")
			}
			time.Sleep(100 * time.Microsecond)
		}
		b.Seen = append(b.Seen, ms(start))
	}
	return nil
}

// lookUp looks up keys and flows, then all of them.
func (b *Benchmark) lookUp(ctx context.Context, s *store.Store) error {
	for _, into := range []*[]float64{&b.KeyFirst, &b.KeyAgain} {
		for i := range min(benchChanges, b.Keys) {
			start := time.Now()
			if _, err := s.Keys().Key(ctx, "bench-"+strconv.Itoa(i)); err != nil {
				return err
			}
			*into = append(*into, ms(start))
		}
	}
	for i := range b.Flows {
		start := time.Now()
		if _, found := s.Flows().Find(strconv.Itoa(i + 1)); !found {
			return fmt.Errorf("flow %d is not found", i+1)
		}
		b.FlowFirst = append(b.FlowFirst, ms(start))
	}
	for i := range b.Keys {
		if _, err := s.Keys().Key(ctx, "bench-"+strconv.Itoa(i)); err != nil {
			return err
		}
	}
	return nil
}

func (b *Benchmark) redisMemory(ctx context.Context, conn *redisconn.Conn) error {
	client := conn.Client()
	defer client.Close()
	info, err := client.Info(ctx, "memory").Result()
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(info, "used_memory:")
	text, _, _ := strings.Cut(rest, "\r\n")
	b.RedisBytes, err = strconv.ParseInt(text, 10, 64)
	return err
}

func ms(since time.Time) float64 { return float64(time.Since(since).Microseconds()) / 1000 }

// heap is what is in use after a collection. The first one leaves what pools
// keep.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// percentilesOf is the median, the 99th percentile and the largest.
func percentilesOf(all []float64) []float64 {
	if len(all) == 0 {
		return nil
	}
	slices.Sort(all)
	return []float64{all[len(all)/2], all[len(all)*99/100], all[len(all)-1]}
}

// Print writes the figures for people.
func (b *Benchmark) Print(w io.Writer) error {
	const mib = 1 << 20
	fmt.Fprintf(w, "%d flows, %d API keys; Redis has %d MiB\n", b.Flows, b.Keys, b.RedisBytes/mib)
	fmt.Fprintf(w, "  first deployment of the directory   %v\n", b.Deploy.Round(time.Millisecond))
	fmt.Fprintf(w, "  a process is ready                  %v\n", b.Open.Round(time.Millisecond))
	fmt.Fprintf(w, "  the same directory again            %v\n", b.Unchanged.Round(time.Millisecond))
	fmt.Fprintf(w, "  heap of a process                   %d MiB, %d when everything was called once\n", b.HeapBytes/mib, b.AllCalled/mib)
	fmt.Fprintf(w, "milliseconds: median, 99th percentile, largest\n")
	for _, row := range []struct {
		what   string
		values []float64
	}{
		{"one flow is changed", b.Put}, {"another process has the change", b.Seen}, {"a key that was not asked for before", b.KeyFirst},
		{"a key that was", b.KeyAgain}, {"a flow that was not called before", b.FlowFirst},
	} {
		fmt.Fprintf(w, "  %-36s %.2f\n", row.what, row.values)
	}
	return nil
}
