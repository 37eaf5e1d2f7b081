package runs

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/runaccess"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// resumeInput is the body of a request to resume a run.
type resumeInput struct {
	Version string            `json:"version"` // "pinned", the default: the version of the run; or "current"
	From    string            `json:"from"`    // step from which on everything is executed again; empty: the failed one
	Assume  map[string]string `json:"assume"`  // "done" or "not_done", by step or effect
	Outputs map[string][]any  `json:"outputs"` // items that are put out for an effect that is assumed to be done, by step or effect
	DryRun  bool              `json:"dry_run"` // answer with the plan alone
}

// resumePlan is the response to a dry run.
type resumePlan struct {
	Run       string        `json:"run_id"`
	Flow      int64         `json:"flow"`
	Version   string        `json:"version"`
	Steps     []resumedStep `json:"steps"`
	Uncertain []string      `json:"uncertain"`
}

type resumedStep struct {
	Step      string   `json:"step"`
	Kind      string   `json:"kind,omitempty"`
	Effect    string   `json:"effect,omitempty"`
	Action    string   `json:"action"`
	Kept      int      `json:"kept"`
	Repeated  int      `json:"repeated"`
	Uncertain int      `json:"uncertain"`
	Effects   []string `json:"uncertain_effects,omitempty"`
}

// resumeRun answers POST /v1/runs/{run}/resume: it starts a new run that continues one that failed, with its journal. The
// response is that of POST /v1/flows/{flow}/runs, or the plan.
func (a *api) resumeRun(c *gin.Context) {
	s, plan, err := a.planResume(c)
	switch {
	case err != nil:
		httpx.Fail(c, err)
	case plan != nil:
		httpx.WriteJSON(c, http.StatusOK, plan)
	default:
		a.answer(c, s)
	}
}

// planResume returns the submission of the new run, or the plan of a dry run.
func (a *api) planResume(c *gin.Context) (s queue.Submission, dry *resumePlan, err error) {
	if c.Request.URL.RawQuery != "" {
		return s, nil, httpx.BadRequest("bad_query", "there are no query parameters here: what to do is in the body")
	}
	first, err := a.mayStartAgain(c)
	if err != nil {
		return s, nil, err
	}
	want := resumeInput{Version: "pinned"}
	if err := httpx.ReadJSON(c, &want); err != nil {
		return s, nil, err
	}
	httpx.StateOf(c).Object = want.audited(first.ID)
	if err := want.mayDecide(httpx.StateOf(c).Principal, first); err != nil {
		return s, nil, err
	}
	options, err := want.options()
	if err != nil {
		return s, nil, err
	}
	earlier, err := a.versionFor(c.Request.Context(), first, "pinned")
	if err != nil {
		return s, nil, err
	}
	flow := earlier
	switch want.Version {
	case "pinned":
	case "current":
		if flow, err = a.versionFor(c.Request.Context(), first, want.Version); err != nil {
			return s, nil, err
		}
	default:
		return s, nil, httpx.BadRequest("bad_resume", `version must be "pinned" or "current"`)
	}
	if err := httpx.StateOf(c).Principal.CheckOperationScopes(flow); err != nil {
		return s, nil, err
	}
	plan, err := a.config.Runner.PlanResume(c.Request.Context(), first, flow, earlier, options)
	if err != nil {
		return s, nil, err
	}
	if want.DryRun {
		return s, planView(first, flow, plan), nil
	}
	s, err = runner.ResumeSubmission(c, flow, first, plan)
	return s, nil, err
}

// mayDecide returns an error for a caller who may not resume the run in this way. A caller may continue its own runs. The
// runs of others, and what a run has done, are decided about by those who may change runs: otherwise a caller could answer
// for a system that its run asks.
func (i *resumeInput) mayDecide(p *auth.Principal, first *queue.Record) error {
	if p.MayForOthers(auth.ScopeWriteRuns, first.Flow) {
		return nil
	}
	if first.Principal == p.String() && i.From == "" && len(i.Assume) == 0 && len(i.Outputs) == 0 {
		return nil
	}
	return &auth.Error{Code: auth.CodeForbidden, Message: "the scope " + string(auth.ScopeWriteRuns) + " is required for the runs of others, and for from, assume and outputs"}
}

// audited returns what the audit log says of the request.
func (i *resumeInput) audited(run string) string {
	said := run
	if i.DryRun {
		said += ", dry run"
	}
	if i.From != "" {
		said += ", from " + i.From
	}
	for _, step := range slices.Sorted(maps.Keys(i.Assume)) {
		said += ", " + step + " " + i.Assume[step]
		if i.Outputs[step] != nil {
			said += " with outputs"
		}
	}
	const most = 256 // bytes
	return strings.ToValidUTF8(said[:min(len(said), most)], "")
}

// options checks the decisions of the caller.
func (i *resumeInput) options() (flows.ResumeOptions, error) {
	o := flows.ResumeOptions{From: i.From, Assume: map[string]flows.Assumption{}}
	for step, word := range i.Assume {
		if word != "done" && word != "not_done" {
			return o, httpx.BadRequest("bad_resume", `assume: a step is "done" or "not_done"`)
		}
		o.Assume[step] = flows.Assumption{Done: word == "done", Output: i.Outputs[step]}
	}
	for step := range i.Outputs {
		if !o.Assume[step].Done {
			return o, httpx.BadRequest("bad_resume", "outputs: the step "+step+" is not assumed to be done")
		}
	}
	return o, nil
}

func planView(first *queue.Record, flow *flows.Flow, plan *flows.Resumption) *resumePlan {
	view := &resumePlan{Run: first.ID, Flow: first.Flow, Version: flow.Version, Steps: []resumedStep{}, Uncertain: append([]string{}, plan.Uncertain()...)}
	for _, s := range plan.Steps {
		view.Steps = append(view.Steps, resumedStep{s.Step, s.Kind, s.Effect, s.Action(), s.Kept, s.Repeated, len(s.Uncertain), s.Uncertain})
	}
	return view
}

// answer submits a run, and waits for its result if the caller may see what it contains.
func (a *api) answer(c *gin.Context, s queue.Submission) {
	prefer := runner.ParsePrefer(c.Request.Header)
	if !runaccess.Reads(httpx.StateOf(c).Principal, &queue.Record{Spec: s.Spec}) {
		prefer = runner.Preference{Given: true}
	}
	a.config.Runner.Answer(c, s, prefer)
}

// mayStartAgain returns the run in the path, if the caller may start a run of its flow with its event: who may read it, and who
// operates the flow.
func (a *api) mayStartAgain(c *gin.Context) (*queue.Record, error) {
	first, err := a.visibleRun(c, auth.ScopeWatchRuns)
	if err != nil {
		return nil, err
	}
	if p := httpx.StateOf(c).Principal; !runaccess.Reads(p, &first) && !p.MayForOthers(auth.ScopeWriteRuns, first.Flow) {
		return nil, auth.MissingScope(auth.ScopeWriteRuns, ", or runs:read")
	}
	httpx.StateOf(c).Run = "" // the response is about the new run
	c.Writer.Header().Del(httpx.HeaderRun)
	if !httpx.StateOf(c).Principal.May(auth.ScopeRun, first.Flow) {
		return nil, &auth.Error{Code: auth.CodeForbidden, Message: "the scope " + string(auth.ScopeRun) + " is required for this flow"}
	}
	return &first, httpx.Take(c, "runs")
}
