package worker

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
)

// upgraded finds the receipts flow after it was asked for it twice, as if another, newer worker had taken the run.
type upgraded struct {
	flowsByRef
	asked *atomic.Int32
}

func (f upgraded) Find(ref string) (*flows.Flow, bool) {
	if (ref == "receipts" || ref == "2") && f.asked.Add(1) <= 2 {
		return nil, false
	}
	return f.flowsByRef.Find(ref)
}

// A run that publishes to, starts or calls a flow which this binary cannot compile goes back to its queue, whatever
// on_error says, and a worker that can compile it goes on: the other subscribers have the event once.
func TestAFlowThatIsTooNew(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]string{
		"publish":      "publish: order.paid",
		"emit":         "emit: receipts",
		"call":         "call: receipts",
		"call own run": "call: receipts\n    wait: false",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := upgraded{asked: &atomic.Int32{}}
			d := startDurableWith(t, func(cfg *Config) {
				found.flowsByRef = cfg.Env.Flows.(flowsByRef)
				cfg.Env.Flows = found
				cfg.TooNew = func(ref string) bool { return ref == "receipts" || ref == "2" }
			}, "flow: 1\nslug: shop\nsteps:\n  - "+step+"\n    on_error: continue\n  - set: {done: true}\n",
				"flow: 2\nslug: receipts\ntrigger: {topic: order.paid}\nsteps: [{transform: .}]\n",
				"flow: 3\nslug: statistics\ntrigger: {topic: order.paid}\nsteps: [{transform: .}]\n")
			d.wait(d.submit("shop", `{"id":7}`), `[{"done":true}]`)
			want := map[string]int{"1 succeeded": 1}
			if name != "call" {
				want["2 succeeded"] = 1
			}
			if name == "publish" {
				want["3 succeeded"] = 1
			}
			d.haveStates(want)
			if asked := found.asked.Load(); asked != 3 {
				t.Errorf("the flow was looked for %d times, want 3", asked)
			}
		})
	}
}

// A run whose other flow no worker can compile ends at its deadline.
func TestAFlowThatIsTooNewForAll(t *testing.T) {
	t.Parallel()
	d := startDurableWith(t, func(cfg *Config) { cfg.TooNew = func(ref string) bool { return ref == "newer" } },
		"flow: 1\nslug: shop\nrun: {limit: 2s}\nsteps: [{emit: newer}]\n")
	began := time.Now()
	d.submit("shop", `{}`).Close()
	d.haveStates(map[string]int{"1 timed_out": 1})
	if time.Since(began) < 2*time.Second {
		t.Error("the run did not wait for its deadline")
	}
}
