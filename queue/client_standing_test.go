package queue

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/testenv"
)

// A run that could be executed says where it stands.
func TestStanding(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	standing := func(id string) Standing {
		t.Helper()
		record, err := r.client.Record(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		s, err := r.client.Standing(t.Context(), &record)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	early := r.submit(of(1, true))
	if got := standing(early.RunID()); got != (Standing{StandsForSlot, -1}) {
		t.Errorf("without a worker: %+v", got)
	}
	release := make(chan struct{})
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		switch a.Flow {
		case 3:
			if held, err := a.ParkIfPaused(ctx, time.UnixMilli(1000)); err != nil || held == Deferred {
				return Outcome{State: Waiting}
			}
		case 4:
			if admitted, err := a.Acquire(ctx, ConcurrencyLimit{Key: "k", Max: 1, WhenFull: WhenFullWait}); err != nil || admitted == Deferred {
				return Outcome{State: Waiting}
			}
		}
		select {
		case <-release:
		case <-ctx.Done():
		}
		return Outcome{State: Succeeded, Output: []byte(`[]`)}
	}, func(c *ServerConfig) { c.Slots, c.Spare = 3, -1 })
	r.slotsKnown("3")
	eventually := func(id string, want Standing) {
		t.Helper()
		testenv.Eventually(t, func() string {
			if got := standing(id); got != want {
				return id + " stands for " + got.For
			}
			return ""
		})
	}
	eventually(early.RunID(), Standing{Ahead: -1}) // it executes
	held := r.submit(of(3, false))
	eventually(held.RunID(), Standing{StandsForPause, 0})
	limited := of(4, false)
	limited.Limited = true
	inside := r.submit(limited)
	eventually(inside.RunID(), Standing{Ahead: -1})
	limited = of(4, false)
	limited.Limited = true
	first := r.submit(limited)
	eventually(first.RunID(), Standing{StandsForPlace, 0})
	var last *Ticket
	for range 150 {
		last = r.submit(of(1, false))
	}
	if got := standing(last.RunID()); got.For != StandsForTurn || got.Ahead < 1 || got.Ahead > 150 {
		t.Errorf("in line: %+v", got)
	}
	close(release)
}

// An output in pieces is written a piece after the other, and is the one that was stored.
func TestWriteOutput(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	long := []byte(`["` + strings.Repeat("long ", 300_000) + `"]`)
	r.worker(func(_ context.Context, a *Attempt) Outcome {
		if a.Flow == 2 {
			return Outcome{State: Succeeded, Output: long}
		}
		return Outcome{State: Succeeded, Output: []byte(`[1]`)}
	})
	for flow, want := range map[int64][]byte{1: []byte(`[1]`), 2: long} {
		ticket := r.submit(of(flow, true))
		r.wait(ticket)
		pieces := &counted{}
		if err := r.client.WriteOutput(t.Context(), ticket.RunID(), pieces); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(pieces.all.Bytes(), want) || pieces.largest > perCall {
			t.Errorf("flow %d: %d bytes of %d, the largest piece has %d", flow, pieces.all.Len(), len(want), pieces.largest)
		}
	}
	if err := r.client.WriteOutput(t.Context(), NewRunID("default"), &counted{}); err != ErrNotFound {
		t.Errorf("of no run: %v", err)
	}
}

// counted notes the largest write.
type counted struct {
	all     bytes.Buffer
	largest int
}

func (c *counted) Write(p []byte) (int, error) {
	c.largest = max(c.largest, len(p))
	return c.all.Write(p)
}
