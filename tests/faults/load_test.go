//go:build soak

package faults

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// pace is the time between two calls.
const pace = 10 * time.Millisecond

// load calls at a steady pace, in turn flows with effects and without.
type load struct {
	calls, failed atomic.Int64
	quit          chan struct{}
	running       sync.WaitGroup
}

func startLoad(c *caller) *load {
	l := &load{quit: make(chan struct{})}
	l.running.Go(func() {
		tick := time.NewTicker(pace)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-l.quit:
				return
			case <-tick.C:
			}
			l.running.Go(func() {
				one := &call{flow: []string{"pure", "puts", "one", "posts"}[n%4], n: n}
				answer := c.try(context.Background(), n, one)
				l.calls.Add(1)
				if answer.status != http.StatusOK {
					l.failed.Add(1)
				}
			})
		}
	})
	return l
}

func (l *load) stop() (calls, failed int64) {
	close(l.quit)
	l.running.Wait()
	return l.calls.Load(), l.failed.Load()
}

// wait says from time to time that it is at work.
func wait(t *testing.T, d time.Duration, l *load) {
	t.Helper()
	over, tick := time.After(d), time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return
		case <-tick.C:
			fmt.Printf("%d calls\n", l.calls.Load())
		}
	}
}
