// Command history fills a history with made-up runs and times its lists, for docs/history.md:
//
//	go run ./bench/history -place sqlite:/tmp/h.db -runs 2000000
//	go run ./bench/history -place postgres://localhost/h -runs 10000000 -bulk
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/history"
	"github.com/penstock/penstock/queue"
)

const batch = 2000

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "history:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	place := flag.String("place", "", "the history: sqlite:PATH or postgres://…")
	runs := flag.Int("runs", 0, "runs to add, over the last 90 days; 0: only lists are timed")
	bulk := flag.Bool("bulk", false, "PostgreSQL: builds the indexes after the runs")
	seed := flag.Uint64("seed", 1, "of the made-up runs")
	flag.Parse()
	h, err := history.Open(ctx, *place, slog.Default())
	if err != nil {
		return err
	}
	defer h.Close()
	add := func() error { return fill(ctx, h, *runs, *seed) }
	switch {
	case *runs == 0:
	case *bulk:
		err = withoutIndexes(ctx, *place, add)
	default:
		err = add()
	}
	if err != nil {
		return err
	}
	return timeLists(ctx, h)
}

// fill adds runs, the oldest first, as an archiver would.
func fill(ctx context.Context, h *history.DB, runs int, seed uint64) error {
	r := rand.New(rand.NewPCG(seed, 0))
	span := 90 * 24 * time.Hour
	first := time.Now().Add(-span)
	step := span / time.Duration(runs)
	begun := time.Now()
	for n := 0; n < runs; n += batch {
		some := make([]history.Run, 0, batch)
		for i := n; i < min(n+batch, runs); i++ {
			some = append(some, madeUp(r, i, first.Add(time.Duration(i)*step)))
		}
		if err := h.Write(ctx, some); err != nil {
			return err
		}
		if n%(100*batch) == 0 {
			fmt.Fprintf(os.Stderr, "%d of %d, %.0f a second\n", n+len(some), runs, float64(n+len(some))/time.Since(begun).Seconds())
		}
	}
	fmt.Printf("wrote %d runs, %.0f a second\n", runs, float64(runs)/time.Since(begun).Seconds())
	return nil
}

var (
	firstNames = []string{"Ada", "Zoë", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Frances", "Ken", "Radia", "Tim", "Margaret"}
	lastNames  = []string{"Hill", "Okafor", "Nowak", "Schmidt", "García", "Rossi", "Tanaka", "Olsen", "Kaya", "Dubois", "Silva", "Novák", "Weber", "Lind"}
	cities     = []string{"Denver", "Leeds", "Kraków", "Köln", "Sevilla", "Torino", "Sapporo", "Bergen", "İzmir", "Lyon"}
	steps      = []string{"lookup", "create", "update", "notify", "export"}
	codes      = []string{"http", "timeout", "validation", "expression"}
)

// version returns the n-th version of a flow.
func version(flow, n int) string { return flows.VersionOf(fmt.Appendf(nil, "%d.%d", flow, n)) }

// madeUp is the i-th run. About one in fifty failed. Fifty flows have unequal parts of the runs.
func madeUp(r *rand.Rand, i int, at time.Time) history.Run {
	flow := 1 + min(r.IntN(50), r.IntN(50))
	took := time.Duration(float64(20*time.Millisecond) * (1 + r.ExpFloat64()*3))
	name := firstNames[r.IntN(len(firstNames))] + " " + lastNames[r.IntN(len(lastNames))]
	record := queue.Record{Attempt: 1, Worker: fmt.Sprintf("worker-%d", i/200_000), Spec: queue.Spec{
		Flow: int64(flow), Version: version(flow, i/1_000_000), Queue: "default", Principal: fmt.Sprintf("key:customer-%d", r.IntN(200)), Accepted: at, Limit: time.Minute,
	}}
	record.Event = fmt.Appendf(nil, `{"order":{"number":%d,"total":"%d.%02d"},"customer":{"name":%q,"mail":"customer%d@example.org","city":%q},"note":"made up for a measurement"}`,
		i, r.IntN(900), r.IntN(100), name, r.IntN(1_000_000), cities[r.IntN(len(cities))])
	record.Times = queue.Times{Accepted: at, Started: at.Add(took / 20), Finished: at.Add(took)}
	record.Steps = json.RawMessage(`{"steps":[{"step":"lookup","kind":"http","in":1,"out":1,"us":12345},{"step":"create","kind":"http","in":1,"out":1,"us":9123}]}`)
	if r.IntN(50) == 0 {
		step := steps[r.IntN(len(steps))]
		record.State, record.Error = queue.Failed, &flows.Error{Code: flows.Code(codes[r.IntN(len(codes))]), Step: step, Message: fmt.Sprintf("%s: the CRM answered 503 for order %d", step, i)}
	} else {
		record.State, record.Output = queue.Succeeded, fmt.Appendf(nil, `[{"id":"C-%d","created":true}]`, i)
	}
	run := history.Run{Archived: queue.Archive(record), Labels: nil}
	run.KeepFor(history.Keep{Runs: 365 * 24 * time.Hour}, record.Times.Finished)
	return run
}

// timeLists times the first page of lists, first once and then ten times.
func timeLists(ctx context.Context, h *history.DB) error {
	ago := func(d time.Duration) time.Time { return time.Now().Add(-d) }
	where := func(field string, values ...string) queue.List {
		return queue.List{Where: []queue.Condition{{Field: field, Values: values}}}
	}
	atLeast := func(field string, n int64) queue.Condition { return queue.Condition{Field: field, Least: &n} }
	for _, c := range []struct {
		name string
		list queue.List
	}{
		{"the newest", queue.List{}},
		{"the oldest", queue.List{Oldest: true}},
		{"a day two months ago", queue.List{From: ago(61 * 24 * time.Hour), To: ago(60 * 24 * time.Hour)}},
		{"a busy flow", where("flow", "1")},
		{"a rare flow", where("flow", "50")},
		{"failed", where("state", "failed")},
		{"failed of a flow", queue.List{Where: append(queue.OfFlow(40), queue.Condition{Field: "state", Values: []string{"failed"}})}},
		{"a principal", where("principal", "key:customer-17")},
		{"a code", where("code", "timeout")},
		{"a step of a principal", queue.List{Where: []queue.Condition{{Field: "step", Values: []string{"export"}}, {Field: "principal", Values: []string{"key:customer-3"}}}}},
		{"a version of old", where("version", version(1, 0))},
		{"a worker of old", where("worker", "worker-0")},
		{"no such principal", where("principal", "key:none")},
		{"no such worker", where("worker", "none")},
		{"no such version", where("version", "none")},
		{"no such message", where("message", "nosuchword")},
		{"slower than a second", queue.List{Where: []queue.Condition{atLeast("duration_ms", 1000)}}},
		{"none so slow", queue.List{Where: []queue.Condition{atLeast("duration_ms", 60_000)}}},
		{"none so slow of a flow", queue.List{Where: append(queue.OfFlow(1), atLeast("duration_ms", 60_000))}},
		{"none repeated", queue.List{Where: []queue.Condition{atLeast("attempt", 2)}}},
		{"no replays", where("replay_of", "none")},
		{"no such queue", queue.List{Queues: []string{"none"}}},
		{"none timed out", where("state", "timed_out")},
		{"search, a common word", queue.List{Search: "denver"}},
		{"search, two common words", queue.List{Search: "zoë kraków"}},
		{"search, an order", queue.List{Search: "4711"}},
		{"search, a beginning", queue.List{Search: "customer4711*"}},
		{"search, an address", queue.List{Search: "customer4712@example.org"}},
		{"search, no such word", queue.List{Search: "nosuchword"}},
		{"search, failed", queue.List{Search: "503 notify", Where: []queue.Condition{{Field: "state", Values: []string{"failed"}}}}},
	} {
		c.list.Most = 51
		var took []time.Duration
		var found int
		whole := "all"
		for range 11 {
			begun := time.Now()
			runs, reached, err := h.List(ctx, c.list)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			took = append(took, time.Since(begun))
			found = len(runs)
			if whole = "all"; reached != nil && found < c.list.Most {
				whole = "back to " + time.UnixMilli(reached.At).UTC().Format(time.DateOnly)
			}
		}
		first := took[0]
		slices.Sort(took)
		fmt.Printf("| %s | %d | %s | %.1f | %.1f |\n", c.name, found, whole, first.Seconds()*1000, took[len(took)/2].Seconds()*1000)
	}
	return nil
}
