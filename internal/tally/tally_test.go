package tally_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/internal/tally"
)

// Counts are written each second, and once more at the end; without any nothing is written.
func TestTally(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var writes []map[string]int
		counts := tally.New(func(ctx context.Context, counts map[string]*int) {
			if ctx.Err() != nil {
				t.Error("a write was given an ended context")
			}
			write := map[string]int{}
			for key, n := range counts {
				write[key] = *n
			}
			writes = append(writes, write)
		})
		one := func(n *int) { *n++ }
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- counts.Run(ctx) }()
		time.Sleep(1500 * time.Millisecond) // of the bubble
		counts.Add("a", one)
		counts.Add("a", one)
		counts.Add("b", one)
		time.Sleep(time.Second)
		counts.Add("a", one)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if len(writes) != 2 || writes[0]["a"] != 2 || writes[0]["b"] != 1 || len(writes[1]) != 1 || writes[1]["a"] != 1 {
			t.Errorf("written: %v", writes)
		}
	})
}
