package view

import "github.com/penstock/penstock/auth"

// PauseNotice says what a pause, or its end, has done.
func PauseNotice(paused bool, released int) string {
	switch {
	case paused:
		return "The flow is paused: none of its runs begins until it is resumed."
	case released == 0:
		return "The flow goes on. No run had waited."
	}
	return "The flow goes on, with " + many(released, "run", "runs") + " that had waited."
}

// mayPause reports whether the user may pause flows and resume them.
func mayPause(p Page) bool {
	return p.Allows(auth.ScopeWriteFlows) || p.Allows(auth.ScopeWriteQueues)
}
