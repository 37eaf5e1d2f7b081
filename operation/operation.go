// Package operation applies one action to many runs: it continues, replays, cancels, resolves or ignores them, at a rate
// that live traffic does not feel. An operation survives the process that executes it.
package operation

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/queue"
)

// Action is what an operation does with each run.
type Action string

const (
	Resume  Action = "resume"
	Replay  Action = "replay"
	Cancel  Action = "cancel"
	Resolve Action = "resolve"
	Ignore  Action = "ignore"
)

// Actions lists all actions.
func Actions() []Action { return []Action{Resume, Replay, Cancel, Resolve, Ignore} }

// Starts reports whether the action starts runs.
func (a Action) Starts() bool { return a == Resume || a == Replay }

// State is the state of an operation. All but Running are terminal.
type State string

const (
	Running State = "running"
	Done    State = "done"    // each run has a result
	Stopped State = "stopped" // some runs have no result, because it was to stop
)

const (
	MaxRuns     = 100_000
	DefaultRate = 50   // runs in a second
	MaxRate     = 1000 // likewise

	maxAudited = 1000 // bytes of Operation.Audited

	retention = 7 * 24 * time.Hour
	maxListed = 1000
)

// About is what an operation was begun with. It does not change.
type About struct {
	Action  Action            `json:"action"`
	Filter  string            `json:"filter,omitempty"`  // that chose the runs, for people; empty: Search, or people, did
	Search  string            `json:"search,omitempty"`  // words that chose them, likewise
	Chosen  bool              `json:"chosen,omitempty"`  // they were chosen one by one
	Rate    int               `json:"rate"`              // runs in a second
	Version string            `json:"version,omitempty"` // "pinned" or "current", of actions that start runs
	Assume  map[string]string `json:"assume,omitempty"`  // "done" or "not_done", by step with uncertain effects; of Resume
	By      string            `json:"by"`                // principal; of the runs that Replay starts, too, unless KeepCallers
	Created time.Time         `json:"created_at"`
	Total   int               `json:"total"` // runs

	// KeepCallers says that the runs that Replay starts are of the callers of the replayed ones: By may not see what they contain.
	KeepCallers bool `json:"keep_callers,omitempty"`
}

// Operation is an operation with its progress.
type Operation struct {
	ID string `json:"id"`
	About
	State    State     `json:"state"`
	Done     int       `json:"done"`    // runs to which the action was applied
	Failed   int       `json:"failed"`  // runs where that failed
	Skipped  int       `json:"skipped"` // runs to which it does not apply
	Stopping bool      `json:"stopping,omitempty"`
	Started  time.Time `json:"started_at,omitzero"`
	Finished time.Time `json:"finished_at,omitzero"`
}

// Outcome is what became of one run of an operation.
type Outcome string

const (
	Applied    Outcome = "done"
	NotApplied Outcome = "skipped"
	Broken     Outcome = "failed"
)

// Result is the result of one run.
type Result struct {
	Run     string  `json:"run_id"`
	Outcome Outcome `json:"result"`
	By      string  `json:"by,omitempty"`     // the run that continues or replays it
	Code    string  `json:"code,omitempty"`   // why it was skipped, or failed
	Detail  string  `json:"detail,omitempty"` // likewise, for people
}

// ErrNotFound reports an unknown operation, or one that is not kept any more.
var ErrNotFound = errors.New("operation: not found")

// InvalidError reports an operation that cannot begin.
type InvalidError struct{ Message string }

func (e *InvalidError) Error() string { return e.Message }

func invalid(format string, args ...any) error { return &InvalidError{fmt.Sprintf(format, args...)} }

// Complete sets the defaults and checks the rest. Errors are *InvalidError.
func (a *About) Complete() error {
	if !slices.Contains(Actions(), a.Action) {
		return invalid("action: expected resume, replay, cancel, resolve or ignore")
	}
	if !a.Chosen && strings.TrimSpace(a.Filter+a.Search) == "" {
		return invalid("filter: expected which runs, as GET /v1/runs takes it")
	}
	if a.Rate == 0 {
		a.Rate = DefaultRate
	}
	if a.Rate < 1 || a.Rate > MaxRate {
		return invalid("rate: expected 1 to %d runs in a second", MaxRate)
	}
	switch usual := map[Action]string{Resume: "pinned", Replay: "current"}[a.Action]; {
	case a.Version == "":
		a.Version = usual
	case usual == "":
		return invalid("version: %s starts no runs", a.Action)
	case a.Version != "pinned" && a.Version != "current":
		return invalid(`version: expected "pinned" or "current"`)
	}
	for step, word := range a.Assume {
		if a.Action != Resume {
			return invalid("assume: %s assumes nothing", a.Action)
		}
		if word != "done" && word != "not_done" {
			return invalid(`assume: %s is "done" or "not_done"`, step)
		}
	}
	return nil
}

// Audited returns what the audit log has of an operation: its id, what it does, and what was decided.
func (o *Operation) Audited() string {
	text := fmt.Sprintf("%s %s %d, %s", o.ID, o.Action, o.Total, o.Which())
	for _, step := range slices.Sorted(maps.Keys(o.Assume)) {
		text += ", " + step + " " + o.Assume[step]
	}
	return text[:min(len(text), maxAudited)]
}

// Which describes the runs that the action is for.
func (a *About) Which() string {
	switch {
	case a.Chosen:
		return "chosen one by one"
	case a.Search == "":
		return a.Filter
	case a.Filter == "":
		return "words " + strconv.Quote(a.Search)
	}
	return a.Filter + ", words " + strconv.Quote(a.Search)
}

// triage returns the triage state that the action sets; empty: it sets none.
func (a Action) triage() queue.TriageState {
	return map[Action]queue.TriageState{Resolve: queue.Resolved, Ignore: queue.Ignored}[a]
}
