package app

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
)

// eventLog records the actions of parts in order.
type eventLog struct {
	mu    sync.Mutex // guards lines
	lines []string
}

func (d *eventLog) add(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func TestPartsStopInReverse(t *testing.T) {
	t.Parallel()
	var d eventLog
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var parts []part
	for _, name := range []string{"store", "worker", "door"} {
		parts = append(parts, part{name, func(ctx context.Context) error {
			if name == "door" {
				cancel() // all were started
			}
			<-ctx.Done()
			d.add(name)
			return nil
		}})
	}
	if err := runParts(ctx, slog.New(slog.DiscardHandler), parts); err != nil {
		t.Errorf("run: %v", err)
	}
	if want := []string{"door", "worker", "store"}; !slices.Equal(d.lines, want) {
		t.Errorf("stopped in the order %q, want %q", d.lines, want)
	}
}

func TestAPartThatFailsStopsTheOthers(t *testing.T) {
	t.Parallel()
	var d eventLog
	failure := errors.New("no more connections")
	err := runParts(t.Context(), slog.New(slog.DiscardHandler), []part{
		{"store", func(ctx context.Context) error { <-ctx.Done(); d.add("store"); return nil }},
		{"worker", func(context.Context) error { return failure }},
	})
	if !errors.Is(err, failure) || !strings.HasPrefix(err.Error(), "worker: ") {
		t.Errorf("run = %v, want the worker's failure", err)
	}
	if !slices.Equal(d.lines, []string{"store"}) {
		t.Errorf("the other part was not stopped: %q", d.lines)
	}
}
