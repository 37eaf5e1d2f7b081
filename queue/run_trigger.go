package queue

import "strings"

// Triggers lists what may have started a run.
func Triggers() []string {
	return []string{"sync", "async", "webhook", "schedule", "flow", "replay", "resume", "on_failure"}
}

// Trigger returns what started the run: replay, resume, on_failure, flow (a step of another run), schedule (also a poll or an
// alert), webhook, sync (a caller that waits for the result) or async.
func (r *Record) Trigger() string {
	switch {
	case r.ReplayOf != "":
		return "replay"
	case r.ResumedFrom != "":
		return "resume"
	case r.FailureOf != "":
		return "on_failure"
	case r.Depth > 0:
		return "flow"
	case r.Principal == "":
		return "schedule"
	case strings.HasPrefix(r.Principal, "hook:"):
		return "webhook"
	case r.Sync:
		return "sync"
	}
	return "async"
}
