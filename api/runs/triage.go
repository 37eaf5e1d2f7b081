package runs

import (
	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/queue"
)

// runInput is the body of a change of a run.
type runInput struct {
	Triage queue.TriageState `json:"triage"`
	Note   string            `json:"note"`
}

// changeRun answers PATCH /v1/runs/{run} with the run, whose triage state it sets.
func (a *api) changeRun(c *gin.Context) {
	record, err := a.visibleRun(c, auth.ScopeWriteRuns)
	var want runInput
	if err == nil {
		err = httpx.ReadJSON(c, &want)
	}
	t := queue.Triage{State: want.Triage, By: httpx.StateOf(c).Principal.String(), At: httpx.Now(c).UTC(), Note: want.Note}
	if err == nil {
		if wrong := t.Validate(); wrong != nil {
			err = httpx.BadRequest("bad_triage", wrong.Error())
		}
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.StateOf(c).Object = record.ID + " " + string(want.Triage)
	ctx := c.Request.Context()
	if err := a.config.Runs.SetTriage(ctx, record.ID, t); err != nil {
		httpx.Fail(c, err)
		return
	}
	if record, err = a.config.Records.Record(ctx, record.ID); err != nil {
		httpx.Fail(c, err)
		return
	}
	writeRun(c, &record)
}
