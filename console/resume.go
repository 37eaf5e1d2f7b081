package console

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/steprecord"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// resumePage shows what a run would do that continues a run which failed; as a fragment the plan alone.
func resumePage(req *requestState) error {
	form, _, err := req.resumeForm(req.r.URL.Query().Get)
	if err != nil {
		return err
	}
	if req.fragment() {
		return req.render(http.StatusOK, view.ResumePlan(req.page("runs", ""), form))
	}
	return req.render(http.StatusOK, view.ResumePage(req.page("runs", language.T(req.ctx(), "Resume the run of %s", form.FlowName)), form))
}

// resumeRun starts a run that continues one which failed.
func resumeRun(req *requestState) error {
	form, plan, err := req.resumeForm(req.r.PostFormValue)
	if err != nil {
		return err
	}
	if form.Refusal != "" || len(plan.Uncertain()) > 0 {
		return req.render(http.StatusConflict, view.ResumePage(req.page("runs", language.T(req.ctx(), "Resume the run of %s", form.FlowName)), form))
	}
	s, err := req.submission(plan.flow)
	if err != nil {
		return err
	}
	plan.record.Resume(&s, plan.Resumption)
	if err := req.setFairKey(plan.flow, &s); err != nil {
		return err
	}
	return req.start(s)
}

// resumption is a plan with what it is for.
type resumption struct {
	*flows.Resumption
	record *queue.Record
	flow   *flows.Flow // the version that would run
}

// resumeForm plans what the form asks for. A plan that cannot be made is nil, and the form says why.
func (req *requestState) resumeForm(value func(string) string) (form view.Resume, plan *resumption, err error) {
	config := req.console.config
	record, err := req.repeatable()
	if err == nil {
		err = record.Resumable()
	}
	if err != nil {
		return form, nil, err
	}
	a := steprecord.Decode(&record)
	form = view.Resume{Run: req.runOf(&record, &a), From: value("from"), Version: value("version"), Assume: map[string]string{}}
	earlier, err := config.Store.Flows().Version(req.ctx(), record.Flow, record.Version)
	if err != nil {
		return form, nil, err
	}
	form.From = strings.TrimSpace(form.From)
	plan = &resumption{record: &record, flow: earlier}
	if form.Version == "current" {
		var found bool
		if plan.flow, found = config.Store.Flows().Find(strconv.FormatInt(record.Flow, 10)); !found {
			return form, nil, errNotFound
		}
	}
	journal, err := config.Queue.Journal(req.ctx(), &record)
	if err != nil {
		return form, nil, err
	}
	// The first plan finds the steps of which something may be assumed.
	options := flows.ResumeOptions{From: form.From}
	if plan.Resumption, err = record.PlanResume(plan.flow, earlier, journal, options); err == nil {
		form.Uncertain = plan.Uncertain()
		options.Assume = form.ReadAssumptions(value)
		plan.Resumption, err = record.PlanResume(plan.flow, earlier, journal, options)
	}
	if refusal := new(flows.ResumeError); errors.As(err, &refusal) {
		form.Refusal = refusal.Message
		return form, nil, nil
	}
	if err == nil {
		form.Steps = plan.Steps
	}
	return form, plan, err
}
