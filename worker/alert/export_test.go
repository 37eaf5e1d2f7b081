package alert

import (
	"context"
	"time"
)

// Pass makes one pass, whoever has the turn.
func (h *Handler) Pass(ctx context.Context, look bool, now time.Time) error {
	return h.pass(ctx, h.rules(), look, now)
}

// Missed is missed.
var Missed = missed
