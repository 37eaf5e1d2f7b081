package steps_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/flows"
)

// A run whose worker is lost at any moment does not repeat changes of state that lasts between runs.
func TestResumedRunsChangeStateOnce(t *testing.T) {
	t.Parallel()
	r := newDurableRun(t, "  - split: .[]\n  - state: {increment: n}\n    concurrency: 1\n  - dedupe: '${ . }'\n  - loop_guard: {key: '${ . }', way: a}\n  - state: {compare_and_set: last, to: 1}\n    concurrency: 1\n  - limit: {key: k, rate: 2, when_full: fail, per: 1h}\n")
	want := `[{"changed":true,"value":1},{"changed":false,"value":1}]`
	r.done([]any{1, 1}, want)
	whole := r.results
	for i := range r.keys() { // the journal as it was, at each of its entries
		r.results = map[string]string{}
		for _, key := range keysOf(whole)[:i] {
			if !strings.HasPrefix(key, "limit") {
				r.results[key] = whole[key]
			}
		}
		for key, v := range whole {
			if strings.HasPrefix(key, "limit") {
				r.results[key] = v
			}
		}
		r.done([]any{1, 1}, want)
	}
	if v, _ := r.memory.Load(t.Context(), "flow/1/state/n"); string(v) != "2" {
		t.Errorf("n is %s", v)
	}
}

// A reserved time of a limit is kept while the run is parked.
func TestLimitKeepsThePlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newDurableRun(t, "  - split: .[]\n  - limit: {key: k, rate: 1, per: 10s}\n    concurrency: 1\n  - probe:\n")
		begun := time.Now()
		if wait := r.parked([]any{1, 2, 3}); wait != 10*time.Second {
			t.Errorf("parked for %v", wait)
		}
		time.Sleep(10 * time.Second)
		r.parked([]any{1, 2, 3})
		time.Sleep(10 * time.Second)
		r.done([]any{1, 2, 3}, "[1,2,3]")
		if took := time.Since(begun); took != 20*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// The decision of a dedupe stays, also when the key is removed before the run continues.
func TestDedupeOfAParkedRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newDurableRun(t, "  - split: .[]\n  - dedupe: k\n    for: 1m\n    concurrency: 1\n  - delay: 1h\n")
		r.parked([]any{1, 2})
		time.Sleep(30 * time.Minute)
		other := flows.Run{ID: "other", Event: []any{3}}
		if _, err := r.flow.Execute(t.Context(), other, flows.Env{State: r.memory, Parks: true}); err == nil {
			t.Error("the other run does not wait")
		}
		time.Sleep(30 * time.Minute)
		r.done([]any{1, 2}, "[1]")
	})
}

func TestDedupeWhileTheFirstIsOnItsWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newDurableRun(t, "  - dedupe: {key: k, repeats: previous, steps: [{delay: 1h}, {set: {n: 1}}]}\n")
		r.parked(1)
		second := flows.Run{ID: "second"}
		if _, err := r.flow.Execute(t.Context(), second, flows.Env{State: r.memory}); err == nil || !strings.Contains(err.Error(), "still on its way") {
			t.Errorf("%v", err)
		}
		time.Sleep(time.Hour)
		r.done(1, `[{"n":1}]`)
		output, err := r.flow.Execute(t.Context(), second, flows.Env{State: r.memory})
		if err != nil || string(flows.EncodeJSON(output)) != `[{"n":1}]` {
			t.Errorf("%v, %v", output, err)
		}
	})
}
