package runs

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/runaccess"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// runView is a run in responses. writeRun adds the output unchanged.
type runView struct {
	ID          string          `json:"run_id"`
	Flow        int64           `json:"flow"`
	Version     string          `json:"version"`
	Queue       string          `json:"queue"`
	State       queue.State     `json:"state"`
	Principal   string          `json:"principal,omitempty"` // caller that started the run
	Attempt     int             `json:"attempt"`
	Crashes     int             `json:"crashes,omitempty"`
	CreatedAt   time.Time       `json:"created_at"`
	StartedAt   time.Time       `json:"started_at,omitzero"`
	FinishedAt  time.Time       `json:"finished_at,omitzero"`
	RepliedAt   time.Time       `json:"replied_at,omitzero"`
	ReplayOf    string          `json:"replay_of,omitempty"`
	ResumedFrom string          `json:"resumed_from,omitempty"` // run that this one continues
	ResumedBy   string          `json:"resumed_by,omitempty"`   // run that continues this one, or that took its place
	ReplayedBy  string          `json:"replayed_by,omitempty"`  // last run that replays this one
	Collects    *queue.Collects `json:"collects,omitempty"`     // of a run that waits for further events
	Triage      *queue.Triage   `json:"triage,omitempty"`       // of a run that failed or timed out
	Retry       *queue.Retry    `json:"retry,omitempty"`        // its tries that failed and were followed by another one
	FailureOf   string          `json:"failure_of,omitempty"`   // run whose failure this one handles
	FailureRun  string          `json:"failure_run,omitempty"`  // run that handles the failure of this one

	Labels map[string]string `json:"labels,omitempty"` // as its flow computes them, once the history has it

	Error *flows.Error    `json:"error,omitempty"`
	Steps json.RawMessage `json:"steps,omitempty"`

	WithoutContent bool `json:"without_content,omitempty"` // the caller may not see what the run contains
}

// viewOf returns what a principal may see of a run.
func viewOf(p *auth.Principal, whole *queue.Record) runView {
	r := runaccess.Seen(p, whole)
	return runView{
		WithoutContent: !runaccess.Reads(p, whole),

		ID:          r.ID,
		Flow:        r.Flow,
		Version:     r.Version,
		Queue:       r.Queue,
		State:       r.State,
		Principal:   r.Principal,
		Attempt:     r.Attempt,
		Crashes:     r.Crashes,
		CreatedAt:   r.AcceptedAt().UTC(),
		StartedAt:   httpx.InUTC(r.Times.Started),
		FinishedAt:  httpx.InUTC(r.Times.Finished),
		RepliedAt:   httpx.InUTC(r.Times.Delivered),
		ReplayOf:    r.ReplayOf,
		ResumedFrom: r.ResumedFrom,
		ResumedBy:   r.ResumedBy,
		ReplayedBy:  r.ReplayedBy,
		Collects:    r.Collects,
		Triage:      r.Triage,
		Retry:       r.Retry,
		FailureOf:   r.FailureOf,
		FailureRun:  r.FailureRun,
		Labels:      r.Labels,
		Error:       r.Error,
		Steps:       r.Steps,
	}
}

// writeRun answers with what the caller may see of a run.
func writeRun(c *gin.Context, r *queue.Record) {
	view := viewOf(httpx.StateOf(c).Principal, r)
	head, err := json.Marshal(view)
	if err != nil {
		panic(err) // stored JSON can be encoded again
	}
	if r.State != queue.Succeeded || view.WithoutContent {
		httpx.Write(c, http.StatusOK, httpx.TypeJSON, head)
		return
	}
	httpx.Write(c, http.StatusOK, httpx.TypeJSON, head[:len(head)-1], outputMember, runner.OutputOf(&r.Result), runner.SuccessClose)
}

// outputMember is written between the view of a run and its output. Read only.
var outputMember = []byte(`,"output":`)
