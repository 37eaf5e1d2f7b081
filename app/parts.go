package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
)

// part is a background task of the process. run blocks until its context ends and its work is finished.
type part struct {
	name string
	run  func(context.Context) error
}

// runParts starts the parts in order and runs them until ctx ends or one of them ends. Then it stops them in reverse
// order, each after the later ones have ended, because later parts depend on earlier ones.
func runParts(ctx context.Context, log *slog.Logger, parts []part) error {
	ended := make(chan string, len(parts)) // buffered, because only the first value is received
	var failures []error
	var mu sync.Mutex // guards failures
	var stops []func()
	for _, p := range parts {
		partCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		done := make(chan struct{})
		go func() {
			defer close(done)
			err := p.run(partCtx)
			if partCtx.Err() != nil && errors.Is(err, context.Canceled) {
				err = nil // stopped before it had begun
			}
			if err != nil {
				mu.Lock()
				failures = append(failures, fmt.Errorf("%s: %w", p.name, err))
				mu.Unlock()
			}
			ended <- p.name
		}()
		stops = append(stops, func() { cancel(); <-done })
	}
	select {
	case <-ctx.Done():
		log.Info("stopping; a second signal ends the process at once")
	case name := <-ended:
		log.Error("a part of the program ended", "part", name)
	}
	for i := len(stops) - 1; i >= 0; i-- {
		stops[i]()
	}
	return errors.Join(failures...)
}
