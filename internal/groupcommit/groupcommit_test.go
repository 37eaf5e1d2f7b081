package groupcommit

import (
	"sync"
	"testing"
	"testing/synctest"
)

func TestBatcherSendsALoneItemAtOnceAndGathersTheRest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var sizes []int
		gate := make(chan struct{})
		b := New(1, 3, func(items []*int) {
			sizes = append(sizes, len(items))
			<-gate
			for _, i := range items {
				*i *= 10
			}
		})
		results := make([]int, 6)
		var wg sync.WaitGroup
		for i := range results {
			results[i] = i + 1
			wg.Go(func() { b.Do(&results[i]) })
			synctest.Wait()
		}
		close(gate)
		wg.Wait()
		for i, r := range results {
			if r != (i+1)*10 {
				t.Errorf("item %d was answered %d", i, r)
			}
		}
		if len(sizes) != 3 || sizes[0] != 1 || sizes[1] != 3 || sizes[2] != 2 {
			t.Errorf("flushes of %v items, want [1 3 2]", sizes)
		}
	})
}
