package console

import (
	"strconv"
	"time"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/internal/failure"
)

const (
	failuresShown = 200            // failures on the page
	muteFor       = 24 * time.Hour // of the button
)

// failuresPage lists the failures in a state, the last seen first; the open ones if the query names none.
func failuresPage(req *requestState) error {
	all, err := req.console.config.Failures.List(req.ctx(), func(flow int64) bool { return req.who.MayForOthers(auth.ScopeWatchRuns, flow) })
	if err != nil {
		return err
	}
	f := view.Failures{State: failure.State(req.r.URL.Query().Get("state")), None: len(all) == 0}
	if f.State == "" {
		f.State = failure.Open
	}
	for _, g := range all {
		if g.State != f.State {
			continue
		}
		if f.Found++; len(f.Items) < failuresShown {
			f.Items = append(f.Items, req.failureGroup(g))
		}
	}
	return req.render(200, view.FailuresPage(req.page("failures", language.T(req.ctx(), "Failures")), f))
}

// failurePage shows a failure and its newest runs.
func failurePage(req *requestState) error {
	g, err := req.console.config.Failures.Failure(req.ctx(), req.r.PathValue("failure"))
	if err != nil {
		return err
	}
	return req.render(200, view.FailurePage(req.page("failures", language.T(req.ctx(), "Failure")), req.failureGroup(g)))
}

// failureGroup returns a failure as the user may see it. Its message is a text of its runs, which may quote what was sent to them.
func (req *requestState) failureGroup(g failure.Group) view.FailureGroup {
	if !req.readsRuns(g.Flow) {
		g.Message = ""
	}
	return view.FailureGroup{Group: g, FlowName: req.flowName(g.Flow)}
}

// changeFailure resolves, mutes or opens a failure.
func changeFailure(req *requestState) error {
	id, state := req.r.PathValue("failure"), failure.State(req.r.PostFormValue("state"))
	until := time.Time{}
	switch state {
	case failure.Open, failure.Resolved:
	case failure.Muted:
		until = req.console.config.Now().Add(muteFor)
	default:
		return errNotFound
	}
	if err := req.console.config.Failures.Set(req.ctx(), id, state, until); err != nil {
		return err
	}
	req.audit("POST "+Root+"/failures/{failure}", id)
	return req.redirect(Root + "/failures/" + id)
}

// flowName returns the name of a flow, which may be deleted.
func (req *requestState) flowName(number int64) string {
	head, err := req.console.config.Store.Flows().Deployment(strconv.FormatInt(number, 10))
	if err != nil || head.Name == "" {
		return language.T(req.ctx(), "Flow %s", strconv.FormatInt(number, 10))
	}
	return head.Name
}
