package connect

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// The timeout of a step is the limit of the mail that it sends, longer or
// shorter than the one that applies without it. The library's own limit comes after it.
func TestTheContextLimitsSending(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, limit := range []time.Duration{3 * time.Minute, time.Second} {
			step, stop := context.WithTimeout(t.Context(), limit)
			ctx, cancel, left := sendContext(step)
			if until, ok := ctx.Deadline(); !ok || time.Until(until) != limit || left <= limit {
				t.Errorf("a step of %v sends for %v, its mail for %v", limit, time.Until(until), left)
			}
			cancel()
			stop()
		}
		ctx, cancel, left := sendContext(t.Context())
		defer cancel()
		if until, ok := ctx.Deadline(); !ok || time.Until(until) != sendLimit || left <= sendLimit {
			t.Errorf("without a deadline: %v, the library %v, want %v and more", time.Until(until), left, sendLimit)
		}
	})
}
