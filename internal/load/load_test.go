package load

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestClosedLoopCountsEveryCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		r := Run(t.Context(), Plan{Callers: 4, Calls: 100}, func(context.Context) error {
			time.Sleep(10 * time.Millisecond)
			if n.Add(1)%10 == 0 {
				return errors.New("no")
			}
			return nil
		})
		if r.Calls != 100 || r.Errors != 10 || r.First == nil {
			t.Errorf("%d calls, %d errors, first %v", r.Calls, r.Errors, r.First)
		}
		if r.Took != 250*time.Millisecond || r.Percentile(99) != 10*time.Millisecond || r.Rate() != 360 {
			t.Errorf("took %v, p99 %v, %v a second", r.Took, r.Percentile(99), r.Rate())
		}
	})
}

func TestPacedLatencyCountsFromWhenACallWasDue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := Run(t.Context(), Plan{Rate: 100, Duration: time.Second}, func(context.Context) error {
			time.Sleep(50 * time.Millisecond)
			return nil
		})
		if r.Calls < 100 || r.Calls > 101 || r.Percentile(50) != 50*time.Millisecond {
			t.Errorf("%d calls, p50 %v", r.Calls, r.Percentile(50))
		}
	})
}
