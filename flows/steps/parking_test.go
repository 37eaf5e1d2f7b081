package steps_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/flows"
)

// A long delay parks the run. Effects before it are not executed again, and its end stays the same.
func TestDelayParksTheRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newDurableRun(t, "  - split: .[]\n  - probe:\n  - delay: 1h\n  - probe:\n")
		if wait := r.parked([]any{1, 2}); wait != time.Hour {
			t.Errorf("parked for %v", wait)
		}
		time.Sleep(20 * time.Minute)
		if wait := r.parked([]any{1, 2}); wait != 40*time.Minute {
			t.Errorf("parked for %v more", wait)
		}
		r.sawEffects(2)
		time.Sleep(40*time.Minute - 5*time.Second)
		begun := time.Now()
		r.done([]any{1, 2}, "[1,2]") // the step waits for the last seconds
		if took := time.Since(begun); took != 5*time.Second {
			t.Errorf("waited %v", took)
		}
		r.sawEffects(4)
	})
}

// Of items that wait for different times, the earliest wakes the run. Times relative to now are computed once.
func TestTheFirstItemWakesTheRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newDurableRun(t, "  - split: .[]\n  - switch:\n      - when: . > 0\n        steps:\n          - delay: {until: '${ now + . * 60 | todate }'}\n          - probe:\n  - collect: .\n")
		event := []any{30, 10, 0, 20}
		for _, want := range []time.Duration{10 * time.Minute, 10 * time.Minute, 10 * time.Minute} {
			if wait := r.parked(event); wait != want {
				t.Errorf("parked for %v, want %v", wait, want)
			}
			time.Sleep(want)
		}
		r.done(event, "[[30,10,0,20]]")
		r.sawEffects(3)
	})
}

// A failure ends the run even when other items wait.
func TestAFailureDoesNotWait(t *testing.T) {
	t.Parallel()
	r := newDurableRun(t, "  - split: .[]\n  - switch:\n      - when: . == 1\n        steps: [{fail: no}]\n      - else: [{delay: 1h}]\n")
	r.fails([]any{0, 1}, flows.CodeFail, "no")
}

// A run that cannot be parked waits in the step.
func TestWaitingOnTheSpot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newDurableRun(t, "  - delay: 30s\n")
		r.env.Parks = false
		begun := time.Now()
		r.done(1, "[1]")
		if took := time.Since(begun); took != 30*time.Second {
			t.Errorf("waited %v", took)
		}
	})
}

const approval = `
  - wait_for:
      max_body: 5MB
      within: 1h
      steps:
        - probe:
    on_error:
      steps: [{transform: .error.message}]
  - probe:
`

func TestWaitForIsCalled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newDurableRun(t, "  - split: .[]"+approval)
		event := []any{"a", "b"}
		if wait := r.parked(event); wait != time.Hour {
			t.Errorf("parked for %v", wait)
		}
		if len(r.callbacks) != 2 || r.maxBody != 5_000_000 || !r.callbacks["wait_for.1"].Equal(time.Now().Add(time.Hour)) {
			t.Errorf("callbacks %v", r.callbacks)
		}
		sent := map[string]bool{} // items wait concurrently, in no defined order
		for _, effect := range r.effects {
			sent[string(flows.EncodeJSON(effect))] = true
		}
		for _, want := range []string{
			`{"expires":"2000-01-01T01:00:00Z","item":"a","url":"https://here/wait_for.0"}`,
			`{"expires":"2000-01-01T01:00:00Z","item":"b","url":"https://here/wait_for.1"}`,
		} {
			if !sent[want] {
				t.Errorf("sent %v, want %s", sent, want)
			}
		}
		time.Sleep(time.Minute)
		_ = r.Finish(t.Context(), "wait_for.1", []byte(`{"items":[{"approved":true}]}`)) // the URL is called
		r.parked(event)
		r.sawEffects(2)
		time.Sleep(time.Hour)
		r.done(event, `["no call within 1h0m0s",{"approved":true}]`)
		r.sawEffects(4)
	})
}

func TestWaitForNeedsSomebodyToCall(t *testing.T) {
	t.Parallel()
	r := newDurableRun(t, approval)
	r.env.Parks = false
	r.done(1, `["this run cannot be parked"]`)
	r = newDurableRun(t, approval)
	r.env.Callbacks = nil
	r.done(1, `["wait_for is not available here"]`)
}
