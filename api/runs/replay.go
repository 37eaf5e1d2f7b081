package runs

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// replayInput is the body of a replay.
type replayInput struct {
	Version string `json:"version"` // "current", the default, or "pinned": the version of the first run
}

// replayRun answers POST /v1/runs/{run}/replay: it starts a new run with the event of an earlier one. The response
// is that of POST /v1/flows/{flow}/runs.
func (a *api) replayRun(c *gin.Context) {
	s, err := a.admitReplay(c)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	a.config.Runner.Answer(c, s, runner.ParsePrefer(c.Request.Header))
}

func (a *api) admitReplay(c *gin.Context) (queue.Submission, error) {
	p := httpx.StateOf(c).Principal
	first, err := a.mayStartAgain(c)
	if err != nil {
		return queue.Submission{}, err
	}
	want := replayInput{Version: "current"}
	if err := httpx.ReadJSON(c, &want); err != nil {
		return queue.Submission{}, err
	}
	flow, err := a.versionFor(c.Request.Context(), first, want.Version)
	if err != nil {
		return queue.Submission{}, err
	}
	if err := p.CheckOperationScopes(flow); err != nil {
		return queue.Submission{}, err
	}
	s := runner.Submission(c, flow, p)
	s.Params, s.Headers, s.ReplayOf = first.Params, first.Headers, first.ID
	s.HandlesFailureOf(&first.Spec)
	if err := copyEvent(c, &s, first); err != nil {
		return queue.Submission{}, err
	}
	key, err := runner.ParseIdempotencyKey(c.Request.Header)
	if key != "" {
		s.IdempotencyKey = &queue.IdempotencyKey{
			Key:         "replay\x00" + s.Principal + "\x00" + first.ID + "\x00" + key,
			Fingerprint: want.Version,
			Window:      runner.IdempotencyWindow,
		}
	}
	runner.AttachRepeated(&s, p)
	return s, err
}

// copyEvent gives the new run the event of the first, with copies of its files.
func copyEvent(c *gin.Context, s *queue.Submission, first *queue.Record) error {
	x, owner := httpx.StateOf(c), queue.NewRunID(s.Queue)
	event, err := x.CopyFiles(c.Request.Context(), first.Event, first.FilesOf(), owner)
	if err != nil {
		return err
	}
	if s.Event = event; x.HasFiles() {
		s.ID = owner
	}
	return nil
}

// versionFor returns the flow version that a replay executes.
func (a *api) versionFor(ctx context.Context, first *queue.Record, version string) (*flows.Flow, error) {
	switch version {
	case "current":
		flow, ok := a.config.Flows.Find(strconv.FormatInt(first.Flow, 10))
		if !ok {
			return nil, &httpx.Fault{Status: http.StatusConflict, Code: "flow_gone", Message: "the flow is not deployed any more; its pinned version may still be replayed"}
		}
		return flow, nil
	case "pinned":
		flow, err := a.config.Store.Flows().Version(ctx, first.Flow, first.Version)
		if errors.Is(err, store.ErrNotFound) {
			return nil, &httpx.Fault{Status: http.StatusConflict, Code: "version_gone", Message: "the version that the run was pinned to is not kept any more"}
		}
		return flow, err
	}
	return nil, httpx.BadRequest("bad_replay", `version must be "current" or "pinned"`)
}
