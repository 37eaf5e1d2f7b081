package worker

import (
	"fmt"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/queue"
)

// ended waits until a run has failed, and returns all runs by their depth.
func (d *durable) ended() (runs []queue.Record) {
	d.t.Helper()
	testenv.Eventually(d.t, func() string {
		runs = nil
		failed := false
		if _, _, err := d.client.List(d.t.Context(), queue.List{}, func(r *queue.Record) {
			failed = failed || r.State == queue.Failed
			runs = append(runs, *r)
		}); err != nil {
			d.t.Fatal(err)
		}
		if !failed {
			return fmt.Sprint(len(runs), " runs, and none has failed")
		}
		return ""
	})
	return runs
}

func TestRunsThatStartEachOtherEnd(t *testing.T) {
	t.Parallel()
	for name, sources := range map[string][]string{
		"emit":             {"flow: 1\nslug: a\ntrigger: webhook\nsteps: [{emit: a}]\n"},
		"emit, by another": {"flow: 1\nslug: a\ntrigger: webhook\nsteps: [{emit: b}]\n", "flow: 2\nslug: b\ntrigger: webhook\nsteps: [{emit: a}]\n"},
		"call wait: false": {"flow: 1\nslug: a\ntrigger: webhook\nsteps: [{call: {flow: a, wait: false}}]\n"},
		"a call that emits": {"flow: 1\nslug: a\ntrigger: webhook\nsteps: [{call: b}]\n",
			"flow: 2\nslug: b\ntrigger: webhook\nsteps: [{emit: a}]\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := startDurable(t, sources...)
			d.submit("a", `{}`).Close()
			runs := d.ended()
			if len(runs) != maxChain+1 {
				t.Errorf("%d runs, want %d", len(runs), maxChain+1)
			}
			for _, r := range runs {
				if last := r.Depth == maxChain; (r.State == queue.Failed) != last {
					t.Errorf("depth %d: %s %v", r.Depth, r.State, r.Error)
				}
				if r.State == queue.Failed && (r.Error.Code != flows.CodeLimit || !strings.Contains(r.Error.Message, "more than 32 deep")) {
					t.Errorf("%+v", r.Error)
				}
			}
		})
	}
}

// A flow that plans its own next run, at a later time, is not a loop.
func TestRunsThatStartLaterAreNoChain(t *testing.T) {
	t.Parallel()
	d := startDurable(t, "flow: 1\nslug: a\ntrigger: webhook\nsteps: [{emit: {flow: a, after: 1m}}, {emit: {flow: b, after: 50s}}]\n", "flow: 2\nslug: b\ntrigger: webhook\nsteps: [{set: {n: 1}}]\n")
	ctx := t.Context()
	ticket := d.submit("a", `{}`)
	if _, err := ticket.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	depths := map[int64]int{}
	if _, _, err := d.client.List(ctx, queue.List{}, func(r *queue.Record) {
		if r.ID != ticket.RunID() {
			depths[r.Flow] = r.Depth
		}
	}); err != nil {
		t.Fatal(err)
	}
	if len(depths) != 2 || depths[1] != 0 || depths[2] != 1 {
		t.Errorf("depths %v", depths)
	}
}
