package runs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/runaccess"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/strictjson"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// replayInput is the body of a replay. What is absent is that of the first run.
type replayInput struct {
	Version string            `json:"version"` // "current", the default, or "pinned": the version of the first run
	Event   json.RawMessage   `json:"event"`
	Params  map[string]string `json:"params"`
	Headers map[string]string `json:"headers"`
	DryRun  bool              `json:"dry_run"` // answer with what would happen again
}

// replayPlan is the response to a dry run.
type replayPlan struct {
	Run     string       `json:"run_id"`
	Flow    int64        `json:"flow"`
	Version string       `json:"version"`
	Repeats []doneEffect `json:"repeats"`
}

// doneEffect is a step with effects that happened, or may have.
type doneEffect struct {
	Step      string `json:"step"`
	Kind      string `json:"kind,omitempty"`
	Effect    string `json:"effect,omitempty"`
	Done      int    `json:"done"`
	Uncertain int    `json:"uncertain"`
}

// replayRun answers POST /v1/runs/{run}/replay: it starts a new run with the event of an earlier one, or with another
// event. The response is that of POST /v1/flows/{flow}/runs, or the plan.
func (a *api) replayRun(c *gin.Context) {
	s, plan, err := a.admitReplay(c)
	switch {
	case err != nil:
		httpx.Fail(c, err)
	case plan != nil:
		httpx.WriteJSON(c, http.StatusOK, plan)
	default:
		a.answer(c, s)
	}
}

// admitReplay returns the submission of the new run, or the plan of a dry run.
func (a *api) admitReplay(c *gin.Context) (s queue.Submission, dry *replayPlan, err error) {
	p := httpx.StateOf(c).Principal
	first, err := a.mayStartAgain(c)
	if err != nil {
		return s, nil, err
	}
	want := replayInput{Version: "current"}
	if err := httpx.ReadJSON(c, &want); err != nil {
		return s, nil, err
	}
	flow, err := a.versionFor(c.Request.Context(), first, want.Version)
	if err != nil {
		return s, nil, err
	}
	if err := p.CheckOperationScopes(flow); err != nil {
		return s, nil, err
	}
	blind := !runaccess.Reads(p, first)
	if blind && (want.Event != nil || want.Params != nil || want.Headers != nil) {
		return s, nil, auth.MissingScope(auth.ScopeReadRuns, " to replay a run with another event: without it the new run is its caller's")
	}
	given, err := want.replaces(first, flow)
	if err == nil && first.Dropped && given == "" {
		err = queue.ErrDropped
	}
	if err != nil {
		return s, nil, err
	}
	if want.DryRun {
		dry, err = a.replayPlan(c.Request.Context(), first, flow)
		return s, dry, err
	}
	s = runner.Submission(c, flow, p)
	if first.Replay(&s); given != "" {
		if err := a.config.Runner.CheckEvent(c.Request.Context(), flow, &s); err != nil {
			return s, nil, err
		}
	}
	if err := copyEvent(c, &s, first); err != nil {
		return s, nil, err
	}
	key, err := runner.ParseIdempotencyKey(c.Request.Header)
	if key != "" {
		s.IdempotencyKey = &queue.IdempotencyKey{
			Key:         "replay\x00" + s.Principal + "\x00" + first.ID + "\x00" + key,
			Fingerprint: want.Version + given,
			Window:      runner.IdempotencyWindow,
		}
	}
	runner.AttachRepeated(&s, p)
	if blind { // otherwise the caller could read what the replayed run contains in a run of its own
		s.Principal = first.Principal
	}
	return s, nil, err
}

// replaces sets the event, parameters and headers of a record to those that are given, and returns a fingerprint of them;
// empty: none is given. A run has the parameters and headers that its flow declares, and no others.
func (i *replayInput) replaces(first *queue.Record, flow *flows.Flow) (fingerprint string, err error) {
	if i.Event == nil && i.Params == nil && i.Headers == nil {
		return "", nil
	}
	if i.Event != nil {
		if err := strictjson.Check(i.Event, flows.MaxEventDepth); err != nil {
			return "", err
		}
		first.Event = i.Event
	}
	if i.Params != nil {
		for name := range i.Params {
			if flow.Webhook == nil || !slices.Contains(flow.Webhook.Params, name) {
				return "", httpx.BadRequest("bad_replay", "params: the flow declares no "+name)
			}
		}
		first.Params = i.Params
	}
	if i.Headers != nil {
		for name := range i.Headers {
			if !slices.Contains(flow.Headers(), name) {
				return "", httpx.BadRequest("bad_replay", "headers: the flow declares no "+name+"; names are in lower case")
			}
		}
		first.Headers = i.Headers
	}
	text, err := json.Marshal([]any{first.Event, first.Params, first.Headers})
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), err
}

// replayPlan returns the effects of a run that a replay repeats.
func (a *api) replayPlan(ctx context.Context, first *queue.Record, flow *flows.Flow) (*replayPlan, error) {
	plan := &replayPlan{Run: first.ID, Flow: first.Flow, Version: flow.Version, Repeats: []doneEffect{}}
	pinned, err := a.versionFor(ctx, first, "pinned")
	if err != nil {
		return nil, err
	}
	journal, err := a.config.Records.Journal(ctx, first)
	if err != nil {
		return nil, err
	}
	done, err := pinned.Done(journal)
	for _, s := range done {
		plan.Repeats = append(plan.Repeats, doneEffect{s.Step, s.Kind, s.Effect, s.Kept, len(s.Uncertain)})
	}
	return plan, err
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
