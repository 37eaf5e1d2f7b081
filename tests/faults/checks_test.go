//go:build faults || soak

package faults

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/queue"
)

// The invariants, as the architecture numbers them. Each function checks one
// over what callers, the sink and Redis saw.

// checkAll checks what holds after every scenario. It waits until the queue
// has nothing to do any more, and audits it.
func checkAll(t testing.TB, c redis.UniversalClient, h *history, s *sink) {
	t.Helper()
	checkNothingLeft(t, c)
	runs := records(t, c)
	checkEnded(t, runs)
	checkNotLost(t, runs, h)
	checkNotRepeated(t, s)
	checkAnsweredInTime(t, h)
	checkOneRun(t, h)
	checkSameBytes(t, runs, h)
}

// checkEnded is I1: every run reached a terminal state, by its limit + 30 s.
func checkEnded(t testing.TB, runs map[string]*record) {
	t.Helper()
	for id, r := range runs {
		if !r.terminal() {
			t.Errorf("I1: run %s is %s (attempt %d, worker %s)", id, r.state, r.fence, r.worker)
		} else if took := r.finished.Sub(r.accepted); took > limit+30*time.Second {
			t.Errorf("I1: run %s ended %v after it was accepted", id, took)
		}
	}
}

// checkNotLost is I2: every run that a caller was told of is there.
func checkNotLost(t testing.TB, runs map[string]*record, h *history) {
	t.Helper()
	for _, c := range h.all() {
		for _, try := range c.tries {
			if try.run != "" && runs[try.run] == nil {
				t.Errorf("I2: call %d was told of run %s (status %d), which does not exist", c.n, try.run, try.status)
			}
		}
	}
}

// checkNotRepeated is I3 as the world sees it: a step begins when the effect
// before it has been recorded, so that one is not seen again from then on.
func checkNotRepeated(t testing.TB, s *sink) {
	t.Helper()
	order := map[string]int{"one": 1, "two": 2, "three": 3}
	reached := map[string]int{} // run to its latest step
	for _, e := range s.seen() {
		n := order[e.step]
		if n < reached[e.run] {
			t.Errorf("I3: run %s did step %s again after step %d had begun", e.run, e.step, reached[e.run])
		}
		reached[e.run] = max(reached[e.run], n)
	}
}

// checkJournalHeld is I3 as the journal sees it: what was recorded at a moment
// was not done again later. done is the number of effects at that moment.
func checkJournalHeld(t testing.TB, s *sink, recorded map[string]bool, done int) {
	t.Helper()
	for _, e := range s.seen()[done:] {
		if recorded[e.key] {
			t.Errorf("I3: effect %s was in the journal and was done again", e.key)
		}
	}
}

// checkAnsweredInTime is I4: an answer that came was there by the limit + 2 s.
func checkAnsweredInTime(t testing.TB, h *history) {
	t.Helper()
	for _, c := range h.all() {
		for _, try := range c.tries {
			if try.took > limit+2*time.Second {
				t.Errorf("I4: call %d waited %v (status %d, error %v)", c.n, try.took, try.status, try.err)
			}
		}
	}
}

// checkOneRun is I5: one key, one run; another key, another run.
func checkOneRun(t testing.TB, h *history) {
	t.Helper()
	runOf, keyOf := map[string]string{}, map[string]string{}
	for _, c := range h.all() {
		for _, try := range c.tries {
			if c.key == "" || try.run == "" {
				continue
			}
			if other := runOf[c.key]; other != "" && other != try.run {
				t.Errorf("I5: key %s made runs %s and %s", c.key, other, try.run)
			}
			if other := keyOf[try.run]; other != "" && other != c.key {
				t.Errorf("I5: run %s belongs to keys %s and %s", try.run, other, c.key)
			}
			runOf[c.key], keyOf[try.run] = try.run, c.key
		}
	}
}

// checkSameBytes is I7: what was answered is what is stored.
func checkSameBytes(t testing.TB, runs map[string]*record, h *history) {
	t.Helper()
	for _, c := range h.all() {
		for _, try := range c.tries {
			if r := runs[try.run]; try.output != nil && r != nil && string(try.output) != r.output {
				t.Errorf("I7: run %s: the caller got %s, stored is %s", try.run, try.output, r.output)
			}
		}
	}
}

// checkEndedOnce is the other half of I1: no run's end was told twice.
func checkEndedOnce(t testing.TB, e *endings) {
	t.Helper()
	for what, n := range e.close() {
		if n > 1 {
			door, run, _ := strings.Cut(what, " ")
			t.Errorf("I1: the end of run %s was told %d times to %s", run, n, door)
		}
	}
}

// checkNothingLeft waits until the queue's bookkeeping is empty. What a fault
// left behind is mended within 15 s, and asynq looks at its own once a minute.
func checkNothingLeft(t testing.TB, c redis.UniversalClient) {
	t.Helper()
	ctx := context.Background()
	left := func() string {
		var out strings.Builder
		for _, list := range []string{asynqs + "pending", asynqs + "active"} {
			if all := c.LRange(ctx, list, 0, -1).Val(); len(all) > 0 {
				fmt.Fprintf(&out, "%s: %d, %s\n", list, len(all), all[0])
			}
		}
		for _, set := range []string{asynqs + "lease", asynqs + "retry", asynqs + "archived", ours + "due"} {
			if all := c.ZRange(ctx, set, 0, -1).Val(); len(all) > 0 {
				fmt.Fprintf(&out, "%s: %d, %s\n", set, len(all), all[0])
			}
		}
		for _, pattern := range []string{asynqs + "t:*", ours + "inbox:*"} {
			if all := c.Keys(ctx, pattern).Val(); len(all) > 0 {
				fmt.Fprintf(&out, "%s: %d, %s\n", pattern, len(all), all[0])
			}
		}
		return out.String()
	}
	tick, over := time.NewTicker(100*time.Millisecond), time.After(90*time.Second)
	defer tick.Stop()
	for left() != "" {
		select {
		case <-tick.C:
		case <-over:
			t.Errorf("the queue's bookkeeping is not empty:\n%s", left())
			return
		}
	}
	checkSound(t, c)
}

// checkSound holds all that is stored against the rules of the queue, as penstock doctor --runs does.
func checkSound(t testing.TB, c redis.UniversalClient) {
	t.Helper()
	conn, err := redisconn.Parse("redis://" + c.(*redis.Client).Options().Addr)
	if err != nil {
		t.Fatal(err)
	}
	client, err := queue.NewClient(queue.Config{Redis: conn, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	faults, runs, err := client.Audit(context.Background(), queueName)
	if err != nil || runs == 0 {
		t.Errorf("audit of %d runs: %v", runs, err)
	}
	for _, f := range faults {
		t.Errorf("audit: run %s %s", f.Run, f.Rule)
	}
}
