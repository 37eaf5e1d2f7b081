package steps_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/flows"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

// The first branch that succeeds gives the result, the other is stopped, and a resumed run has the same winner.
func TestParallelAny(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := "  - parallel:\n      - steps: [{delay: %s}, {transform: '\"a\"'}]\n      - steps: [{delay: %s}, {transform: '\"b\"'}]\n    join: any\n  - delay: 1h\n"
		r := newDurableRun(t, strings.NewReplacer("%s", "4s").Replace(strings.Replace(source, "%s", "1s", 1)))
		begun := time.Now()
		r.parked(1)
		if took := time.Since(begun); took != time.Second {
			t.Errorf("took %v", took)
		}
		r.flow = newDurableRun(t, strings.NewReplacer("%s", "1s").Replace(strings.Replace(source, "%s", "4s", 1))).flow
		time.Sleep(2 * time.Hour)
		r.done(1, `["a"]`)
	})
}

// Branches that wait park the run, unless enough of the others have succeeded or too few can.
func TestParallelBranchesThatWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		branches := "  - parallel:\n      - steps: [{delay: 1h}, {transform: 1}]\n      - steps: [{delay: 30m}, {transform: 2}]\n      - steps: [{fail: no, if: .}, {probe: }]\n    join: "
		r := newDurableRun(t, branches+"2\n")
		if wait := r.parked(true); wait != 30*time.Minute {
			t.Errorf("parked for %v", wait)
		}
		time.Sleep(30 * time.Minute)
		r.parked(true)
		time.Sleep(30 * time.Minute)
		r.done(true, "[1,2]")
		newDurableRun(t, branches+"all\n").fails(true, flows.CodeFail, "no")
		newDurableRun(t, branches+"any\n").done(false, "[false]")
	})
}

// Branches run concurrently, and a cancellation from outside ends all of them.
func TestParallelEndsWithTheRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newDurableRun(t, "  - parallel: [{steps: [{delay: 4s}]}, {steps: [{delay: 4s}]}]\n")
		begun := time.Now()
		r.done(1, "[1,1]")
		if took := time.Since(begun); took != 4*time.Second {
			t.Errorf("took %v", took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := r.flow.Execute(ctx, flows.Run{ID: "other"}, flows.Env{})
		if err == nil || !contains(err.Error(), "cancelled") {
			t.Errorf("%v", err)
		}
	})
}

// A panic in a kind with nested steps fails the run, not the worker.
func TestAPanicInsideABranch(t *testing.T) {
	t.Parallel()
	r := newDurableRun(t, "  - parallel: [{steps: [{lock: {key: k, steps: [{filter: .}]}}]}, {steps: [{filter: .}]}]\n")
	r.env.State = panicking{}
	r.fails(1, flows.CodeInternal, "broke down")
}

type panicking struct{ flows.State }

func (panicking) Swap(context.Context, flows.Change) (flows.Swapped, error) { panic("no") }
