package workbench

import (
	"strconv"
	"sync"
	"testing"

	"github.com/penstock/penstock/console/view"
)

// Outcomes are remembered for many requests at once, and never more than the bound.
func TestRememberedOutcomes(t *testing.T) {
	t.Parallel()
	var o outcomes
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for n := range maxOutcomes {
				run := strconv.Itoa(worker*maxOutcomes + n)
				o.add(run, view.Outcome{State: run})
				if found := o.find(map[string]bool{run: true, "none": true}); len(found) > 1 || found[run].State != "" && found[run].State != run {
					t.Errorf("%s is %v", run, found)
				}
			}
		})
	}
	all.Wait()
	if len(o.ended) == 0 || len(o.ended) > maxOutcomes {
		t.Errorf("%d are remembered", len(o.ended))
	}
	o.add("last", view.Outcome{State: "failed", Dropped: "filter"})
	if got := o.find(map[string]bool{"last": true})["last"]; got.Dropped != "filter" {
		t.Errorf("the last one is %v", got)
	}
}
