package view

import "github.com/penstock/penstock/auth"

// PauseNotice describes the effect of a pause or its end. released is the number of runs that had waited.
func PauseNotice(paused bool, released int) string {
	switch {
	case paused:
		return "The flow is paused: none of its runs begins until it is resumed."
	case released == 0:
		return "The flow is resumed. No run had waited."
	}
	return "The flow is resumed, with " + many(released, "run", "runs") + " that had waited."
}

// mayPause reports whether the user may pause and resume flows.
func mayPause(p Page) bool {
	return p.Allows(auth.ScopeWriteFlows) || p.Allows(auth.ScopeWriteQueues)
}
