package connect

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// The timeout of a step is the limit of the mail that it sends, longer or
// shorter than the one that applies without it.
func TestTheContextLimitsSending(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, limit := range []time.Duration{3 * time.Minute, time.Second} {
			step, stop := context.WithTimeout(t.Context(), limit)
			ctx, cancel, left := sending(step)
			if until, ok := ctx.Deadline(); !ok || time.Until(until) != limit || left != limit {
				t.Errorf("a step of %v sends for %v, its mail for %v", limit, time.Until(until), left)
			}
			cancel()
			stop()
		}
		_, cancel, left := sending(t.Context())
		defer cancel()
		if left != sendLimit {
			t.Errorf("without a deadline: %v, want %v", left, sendLimit)
		}
	})
}
