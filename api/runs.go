package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"penstock/api/auth"
	"penstock/flows"
	"penstock/queue"
)

const (
	// maxLongPoll is the longest wait for a run's end at GET /v1/runs/{id}.
	maxLongPoll = 60 * time.Second
	// A waiting reader looks at the record this soon, then at longer and
	// longer intervals up to the last.
	firstLook, lastLook = 50 * time.Millisecond, time.Second
)

// runView is a run as its reader sees it. Output follows, spliced in byte for
// byte.
type runView struct {
	ID         string          `json:"run_id"`
	Flow       int64           `json:"flow"`
	Version    string          `json:"version"`
	State      queue.State     `json:"state"`
	Attempt    int             `json:"attempt"`
	CreatedAt  time.Time       `json:"created_at"`
	StartedAt  time.Time       `json:"started_at,omitzero"`
	FinishedAt time.Time       `json:"finished_at,omitzero"`
	ReplayOf   string          `json:"replay_of,omitempty"`
	Error      *flows.Error    `json:"error,omitempty"`
	Steps      json.RawMessage `json:"steps,omitempty"`
}

// readRun answers GET /v1/runs/{run}, with ?wait=N once the run has ended or
// after N seconds.
func (a *API) readRun(c *gin.Context) {
	query, err := auth.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		a.fail(c, err)
		return
	}
	wait, err := longPoll(query)
	if err != nil {
		a.fail(c, err)
		return
	}
	record, err := a.ownRecord(c, c.Param("run"))
	if err == nil && wait > 0 && !record.State.Terminal() {
		keepOpen(c, wait)
		record, err = a.awaitEnd(c.Request.Context(), record, wait)
	}
	if err != nil {
		a.fail(c, err)
		return
	}
	of(c).run = record.ID
	c.Header(headerRun, record.ID)
	writeRun(c, &record)
}

// longPoll reads the parameter wait, the only one there is.
func longPoll(query auth.Query) (time.Duration, error) {
	for _, p := range query.Params() {
		wait, ok := parseSeconds(p.Value)
		if p.Name != "wait" || !ok {
			return 0, badRequest("bad_query", "the only parameter is wait, in whole seconds")
		}
		return min(wait, maxLongPoll), nil
	}
	return 0, nil
}

// ownRecord reads a run that the principal asked for. Others' runs are as
// unknown as those that never were.
func (a *API) ownRecord(c *gin.Context, id string) (queue.Record, error) {
	record, err := a.config.Records.Record(c.Request.Context(), id)
	if err != nil {
		return queue.Record{}, err
	}
	if p := of(c).principal; record.Principal != p.String() || !p.May(auth.ScopeReadRuns, record.Flow) {
		return queue.Record{}, queue.ErrNotFound
	}
	return record, nil
}

// awaitEnd reads the record again and again until the run has ended or the
// wait is over.
func (a *API) awaitEnd(ctx context.Context, record queue.Record, wait time.Duration) (queue.Record, error) {
	over := time.NewTimer(wait)
	defer over.Stop()
	look := time.NewTimer(firstLook)
	defer look.Stop()
	for interval := firstLook; ; interval = min(2*interval, lastLook) {
		look.Reset(interval)
		select {
		case <-ctx.Done():
			return record, context.Cause(ctx)
		case <-over.C:
			return record, nil
		case <-look.C:
		}
		next, err := a.config.Records.Record(ctx, record.ID)
		if err != nil || next.State.Terminal() {
			return next, err
		}
		record = next
	}
}

func writeRun(c *gin.Context, r *queue.Record) {
	head, err := json.Marshal(runView{
		ID:         r.ID,
		Flow:       r.Flow,
		Version:    r.Version,
		State:      r.State,
		Attempt:    r.Attempt,
		CreatedAt:  r.Spec.Accepted,
		StartedAt:  r.Times.Started,
		FinishedAt: r.Times.Finished,
		ReplayOf:   r.ReplayOf,
		Error:      r.Error,
		Steps:      r.Steps,
	})
	if err != nil {
		panic(err) // what was stored as JSON encodes again
	}
	if r.State != queue.Succeeded {
		write(c, http.StatusOK, typeJSON, head)
		return
	}
	write(c, http.StatusOK, typeJSON, head[:len(head)-1], outputMember, outputOf(&r.Result), successClose)
}

// outputMember goes between a run's view and its output. Read only.
var outputMember = []byte(`,"output":`)
