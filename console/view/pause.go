package view

import (
	"context"
	"github.com/penstock/penstock/auth"

	"github.com/penstock/penstock/console/language"
)

// PauseNotice describes the effect of a pause or its end. released is the number of runs that had waited.
func PauseNotice(ctx context.Context, paused bool, released int) string {
	switch {
	case paused:
		return language.T(ctx, "The flow is paused: none of its runs begins until it is resumed.")
	case released == 0:
		return language.T(ctx, "The flow is resumed. No run had waited.")
	}
	return language.N(ctx, released, "The flow is resumed, with %d run that had waited.", "The flow is resumed, with %d runs that had waited.")
}

// mayPause reports whether the user may pause and resume flows.
func mayPause(p Page) bool {
	return p.Allows(auth.ScopeWriteFlows) || p.Allows(auth.ScopeWriteQueues) || p.Allows(auth.ScopeWriteRuns)
}
