//go:build faults

package faults

import (
	"context"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/testenv"
)

const (
	callers = 40                     // at once
	answer  = 100 * time.Millisecond // of the sink
)

// killing is a fleet whose workers are killed in the middle of runs.
type killing struct {
	t      *testing.T
	fleet  *fleet
	sink   *sink
	caller *caller
	redis  *redis.Client
	random *rand.Rand
}

func newKilling(t *testing.T) *killing {
	server := testenv.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	s := newSink(t)
	s.slow(answer)
	f := newFleet(t, server.URL(), 1, 2)
	return &killing{t: t, fleet: f, sink: s, caller: newCaller(t, f, s), redis: server.Client(), random: chance(t.Name())}
}

// round has all callers call once and returns how long the slowest waited.
// With kill, one of the two workers goes down after a random effect, and
// another comes up in its place when the round is over.
func (k *killing) round(flow string, number int, kill bool) (calls []*call, slowest time.Duration) {
	before, victim := k.sink.count(), k.random.IntN(2)
	at := before + 1 + k.random.IntN(3*callers-20)
	recorded, seen := map[string]bool{}, 0
	done := make(chan struct{})
	go func() {
		defer close(done)
		if !kill {
			return
		}
		for k.sink.count() < at {
			<-time.After(time.Millisecond)
		}
		k.fleet.worker(victim).Kill()
		recorded, seen = journaled(k.t, k.redis), k.sink.count()
	}()
	calls = k.caller.together(context.Background(), callers, func(i int) *call {
		return &call{flow: flow, n: number*1000 + i}
	})
	<-done
	checkJournalHeld(k.t, k.sink, recorded, seen)
	for _, c := range calls {
		slowest = max(slowest, c.last().took)
	}
	if kill {
		k.fleet.replaceWorker(victim)
	}
	return calls, slowest
}

// One of two workers is killed in the middle of 40 runs of three idempotent
// effects: every caller gets the right output.
func TestKilledWorkerIdempotentEffects(t *testing.T) {
	t.Parallel()
	k := newKilling(t)
	k.round("puts", 0, false) // warms up
	_, usual := k.round("puts", 1, false)
	worst, crashes := time.Duration(0), 0
	for number := 2; number < 2+pick(20, 50); number++ {
		calls, slowest := k.round("puts", number, true)
		for _, c := range calls {
			c.want(t, c.n+3)
		}
		worst = max(worst, slowest)
		if slowest > usual+10*time.Second {
			t.Errorf("round %d: the slowest of %d callers waited %v, undisturbed %v", number, callers, slowest, usual)
		}
	}
	checkAll(t, k.redis, k.caller.history, k.sink)
	for _, r := range records(t, k.redis) {
		crashes += r.crashes
	}
	t.Logf("undisturbed the slowest caller waited %v, with a worker killed %v at most; %d attempts were lost", usual, worst, crashes)
	if crashes == 0 {
		t.Error("no kill hit a run")
	}
}

// The same with effects that must happen once, of http steps and of operations
// of a connector in turn: a run whose effect was under way says so, none does
// it again.
func TestKilledWorkerOnceEffects(t *testing.T) {
	t.Parallel()
	k := newKilling(t)
	_, usual := k.round("posts", 1, false)
	uncertain, finished := 0, 0
	for number := 2; number < 2+pick(20, 50); number++ {
		calls, slowest := k.round([]string{"posts", "operations"}[number%2], number, true)
		for _, c := range calls {
			if c.last().code == "uncertain" && c.last().status == http.StatusUnprocessableEntity {
				uncertain++
				continue
			}
			c.want(t, c.n+3)
			finished++
		}
		if slowest > usual+10*time.Second {
			t.Errorf("round %d: the slowest of %d callers waited %v, undisturbed %v", number, callers, slowest, usual)
		}
	}
	checkAll(t, k.redis, k.caller.history, k.sink)
	done := map[string]int{}
	for _, e := range k.sink.seen() {
		if done[e.key]++; done[e.key] > 1 {
			t.Errorf("I3: the once effect %s was done %d times", e.key, done[e.key])
		}
	}
	t.Logf("%d runs finished, %d say that an effect is uncertain", finished, uncertain)
	if uncertain == 0 {
		t.Error("no kill hit a run")
	}
}
