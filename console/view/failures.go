package view

import (
	"cmp"
	"strconv"

	"github.com/penstock/penstock/internal/failure"
	"github.com/penstock/penstock/operation"
)

// Failures is the data of the list of failures.
type Failures struct {
	State failure.State
	Items []FailureGroup
	Found int  // in this state
	None  bool // there are none in any state
}

// FailureGroup is a failure with the name of its flow.
type FailureGroup struct {
	failure.Group
	FlowName string
}

func (f FailureGroup) path() string { return Root + "/failures/" + f.ID }

// runsPath is the list of the runs of the failure.
func (f FailureGroup) runsPath() string {
	return RunsURL(nil, map[string]string{"filter": "failure:" + f.ID})
}

// openRuns is the search for its runs that are neither resolved nor ignored.
func (f FailureGroup) openRuns() string { return "failure:" + f.ID + " triage:open" }

// failureActions lists the actions on the runs of a failure: all of them have ended.
func failureActions() []operation.Action {
	return []operation.Action{operation.Resume, operation.Replay, operation.Resolve, operation.Ignore}
}

// allKnown reports whether all its runs were looked at for those that are open.
func (f FailureGroup) allKnown() bool { return f.Count <= failure.MaxKnown }

// openText is the number of its open runs, with a plus when there may be more; a dash: it is not known.
func (f FailureGroup) openText() string {
	switch {
	case f.OpenRuns == nil:
		return "–"
	case !f.allKnown():
		return decimal(*f.OpenRuns) + "+"
	}
	return decimal(*f.OpenRuns)
}

func (f FailureGroup) flowPath() string { return Root + "/flows/" + strconv.FormatInt(f.Flow, 10) }

// failureDot returns the state of a run whose mark a failure has.
func failureDot(s failure.State) string {
	switch s {
	case failure.Resolved:
		return "succeeded"
	case failure.Muted:
		return "cancelled"
	}
	return "failed"
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// failureTitle is the message of a failure, or its code when it has none.
func failureTitle(f FailureGroup) string { return cmp.Or(f.Message, f.Code) }
